// Errors and their codes.

/**
 * Stable codes of {@link CoromError}. A code is never renamed; the text of a message may change.
 *
 * - `INVALID_ARGUMENT`: an argument has the wrong type, shape or range. The message names the argument.
 * - `FREED`: the instance was used after `free()`.
 * - `FETCH_FAILED`: a file could not be fetched or read: network, HTTP status or file system.
 * - `MISSING_FILE`: a file that the model needs does not exist.
 * - `NOT_A_MODEL`: the file has other content than a model file, for example an HTML page.
 * - `INTEGRITY_MISMATCH`: the size or SHA-256 of a file differs from the manifest (`corom.json`).
 * - `UNSUPPORTED_FORMAT`: the manifest has a newer format version than this package supports.
 * - `INVALID_CONFIG`, `INVALID_TOKENIZER`, `INVALID_MODEL`: the file cannot be parsed or contradicts itself.
 *   `INVALID_MODEL` also means that the weights produce vectors with NaN or infinity.
 * - `INVALID_CHECKPOINT`: only in a conversion: the weight file is damaged, or has other tensors than `config.json` says.
 * - `TOKENIZER_MISMATCH`: the tokenizer and the model have different vocabularies.
 * - `UNSUPPORTED_MODEL`: the model is valid, but is not a BERT encoder that this package can run, or it belongs to the
 *   other class: a reranker to `CoromReranker`, a model that embeds texts to `Corom`.
 * - `UNSUPPORTED_OPERATOR`: the graph contains an operator that is not supported. The message names the operator.
 * - `NEEDS_UNFUSED`: the graph is not recognized as a BERT, the tokenizer has regular expressions other than GPT-2's, or
 *   `advanced.fused` is false, and `corom-unfused.wasm`, which runs such a model, could not be loaded. The message says why.
 * - `UNSUPPORTED_POOLING`: the requested pooling needs hidden states that the graph does not output.
 * - `POOLING_UNKNOWN`: neither an option, nor a file, nor the graph says how a text becomes one vector.
 * - `TOKEN_ID_OUT_OF_RANGE`: a token id is not in the model's vocabulary.
 * - `INVALID_CATALOG`: a search catalog is damaged or contradicts itself.
 * - `MODEL_MISMATCH`: the vectors of a catalog come from another model, or a distilled model would add items.
 * - `SELF_TEST_FAILED`: the vectors of the self-test differ from the vectors that the converter stored.
 * - `OUT_OF_MEMORY`: memory could not be allocated. If the instance can no longer be used, the message says to load the
 *   model again. A list whose vectors are too much for one call is rejected before any text is embedded.
 * - `UNSUPPORTED_HOST`: there is no WebAssembly or no WebAssembly SIMD, or the page's Content-Security-Policy forbids
 *   WebAssembly.
 * - `GPU_FAILED`: `device: "webgpu"` and there is no GPU, or it has failed and the model could not be loaded for the CPU. The
 *   message has both reasons.
 * - `INTERNAL`: a bug in this package. The instance can no longer be used: load the model again. Please report it.
 */
export type CoromErrorCode =
  | "INVALID_ARGUMENT"
  | "FREED"
  | "FETCH_FAILED"
  | "MISSING_FILE"
  | "NOT_A_MODEL"
  | "INTEGRITY_MISMATCH"
  | "UNSUPPORTED_FORMAT"
  | "INVALID_CONFIG"
  | "INVALID_TOKENIZER"
  | "TOKENIZER_MISMATCH"
  | "INVALID_MODEL"
  | "INVALID_CHECKPOINT"
  | "UNSUPPORTED_MODEL"
  | "UNSUPPORTED_OPERATOR"
  | "NEEDS_UNFUSED"
  | "UNSUPPORTED_POOLING"
  | "POOLING_UNKNOWN"
  | "TOKEN_ID_OUT_OF_RANGE"
  | "SELF_TEST_FAILED"
  | "INVALID_CATALOG"
  | "MODEL_MISMATCH"
  | "OUT_OF_MEMORY"
  | "UNSUPPORTED_HOST"
  | "GPU_FAILED"
  | "INTERNAL";

/**
 * The error of every rejection, with two exceptions: an abort rejects with the signal's `reason` (an `AbortError` or
 * `TimeoutError` DOMException by default), and an error thrown by `onProgress` is passed on unchanged.
 *
 * @example
 * try {
 *   await Corom.load("/no-such-folder/");
 * } catch (error) {
 *   if (error instanceof CoromError) console.error(error.code); // "MISSING_FILE"
 *   else throw error; // an abort, or an error thrown by onProgress
 * }
 */
export class CoromError extends Error {
  constructor(code: CoromErrorCode, message: string, options?: { cause?: unknown });
  readonly name: "CoromError";
  readonly code: CoromErrorCode;
  /**
   * The original error, if there is one: an error thrown by `fetch`, a message of the Rust core, a WebAssembly trap.
   */
  readonly cause?: unknown;
}
