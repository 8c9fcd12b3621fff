// Types of the npm package `corom`, the same for every entry point.
import type { Info } from "./types/calls.js";
import type { CoromCalls } from "./types/corom-calls.js";
import type { LoadOptions, ModelCache, Source } from "./types/load.js";
import type { RerankerCalls, RerankerInfo, RerankerLoadOptions } from "./types/rerank.js";

export * from "./types/calls.js";
export * from "./types/corom-calls.js";
export * from "./types/embeddings.js";
export * from "./types/errors.js";
export * from "./types/load.js";
export * from "./types/progress.js";
export * from "./types/quality.js";
export * from "./types/rerank.js";

/**
 * A loaded model. `Corom.load` creates instances.
 *
 * Calls on one instance run one after the other, in the order in which they were made. Between batches and between
 * calls the instance yields to the event loop. A lone surrogate in a text is read as U+FFFD. An unknown option is
 * `INVALID_ARGUMENT`; `undefined` and `null` mean "not given". The methods also work on a `Proxy` of the instance, such as
 * Vue's `ref` and `reactive` make, and apart from it.
 *
 * After `INTERNAL`, and after an `OUT_OF_MEMORY` whose message says to load the model again, the instance cannot be
 * used any more. After every other error the instance works as before.
 *
 * The numbers in the examples are those of m3e-small.
 */
export interface Corom extends CoromCalls {}
export class Corom {
  private constructor();

  /**
   * Loads a model. Nothing is fetched or compiled before this call.
   *
   * @throws {@link CoromError} with the code `INVALID_ARGUMENT`, `FETCH_FAILED`, `MISSING_FILE`, `NOT_A_MODEL`,
   * `INTEGRITY_MISMATCH`, `UNSUPPORTED_FORMAT`, `UNSUPPORTED_MODEL`, `UNSUPPORTED_OPERATOR`, `UNSUPPORTED_POOLING`,
   * `POOLING_UNKNOWN`, `UNSUPPORTED_HOST`, `INVALID_CONFIG`, `INVALID_TOKENIZER`, `INVALID_MODEL`, `TOKENIZER_MISMATCH`,
   * `TOKEN_ID_OUT_OF_RANGE`, `SELF_TEST_FAILED`, `GPU_FAILED`, `OUT_OF_MEMORY` or `INTERNAL`.
   *
   * @example
   * const corom = await Corom.load("./model/", {
   *   onProgress: ({ phase, loaded, total }) => console.log(phase, loaded, total),
   * });
   * corom.info.dimension; // 512
   */
  static load(source: Source, options?: LoadOptions | null): Promise<Corom>;

  /**
   * Resolves to the values of the option `device` that this host has, the one that `auto` prefers first: `["wasm"]`, or
   * with a GPU `["webgpu", "wasm"]`. Nothing is fetched.
   */
  static devices(): Promise<("wasm" | "webgpu")[]>;

  /** The downloads that are cached on this device. */
  static readonly cache: ModelCache;

  /** Properties of the model. */
  readonly info: Info;

  /**
   * Frees the model and its memory. Pending calls are rejected with `FREED`. A second call has no effect.
   *
   * @example
   * corom.free();
   * corom.info.wasmMemory; // 0
   */
  free(): void;

  /**
   * Calls `free()` at the end of a block with `using`.
   *
   * @example
   * {
   *   using corom = await Corom.load("./model/");
   *   await corom.embed("阔腿裤");
   * } // the model is freed here
   */
  [Symbol.dispose](): void;
}

/**
 * A loaded reranker: a cross-encoder, which reads a query and a document together and says how well they fit. It sorts the
 * best results of a search again. What the class `Corom` says of calls, options and errors is true here too.
 *
 * The numbers in the examples are those of a trained model.
 */
export interface CoromReranker extends RerankerCalls {}
export class CoromReranker {
  private constructor();

  /**
   * Loads a reranker. Rejects with the errors of `Corom.load`; `UNSUPPORTED_MODEL` also means that the model embeds texts
   * and is no reranker.
   *
   * @example
   * const reranker = await CoromReranker.load("./ranking/");
   * reranker.info.labels; // 1
   */
  static load(source: Source, options?: RerankerLoadOptions | null): Promise<CoromReranker>;

  /** The downloads that are cached on this device: the same cache as `Corom.cache`. */
  static readonly cache: ModelCache;

  /** Properties of the model. */
  readonly info: RerankerInfo;

  /**
   * Frees the model and its memory. Pending calls are rejected with `FREED`. A second call has no effect.
   *
   * @example
   * reranker.free();
   * reranker.info.wasmMemory; // 0
   */
  free(): void;

  /** Calls `free()` at the end of a block with `using`. */
  [Symbol.dispose](): void;
}

// For compilers whose `lib` has no `esnext.disposable`. If `lib` has it, the two declarations merge.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}
