// Types of the npm package `corom`, the same for every entry point.

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
 * - `TOKENIZER_MISMATCH`: the tokenizer and the model have different vocabularies.
 * - `UNSUPPORTED_MODEL`: the model is valid, but is not a BERT encoder that this package can run.
 * - `UNSUPPORTED_OPERATOR`: the graph contains an operator that is not supported. The message names the operator.
 * - `UNSUPPORTED_POOLING`: the requested pooling needs hidden states that the graph does not output.
 * - `TOKEN_ID_OUT_OF_RANGE`: a token id is not in the model's vocabulary.
 * - `SELF_TEST_FAILED`: the vectors of the self-test differ from the vectors that the converter stored.
 * - `OUT_OF_MEMORY`: memory could not be allocated. If this happens during a call, the message says to load the model
 *   again.
 * - `UNSUPPORTED_HOST`: there is no WebAssembly or no WebAssembly SIMD, or the page's Content-Security-Policy forbids
 *   WebAssembly.
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
  | "UNSUPPORTED_MODEL"
  | "UNSUPPORTED_OPERATOR"
  | "UNSUPPORTED_POOLING"
  | "TOKEN_ID_OUT_OF_RANGE"
  | "SELF_TEST_FAILED"
  | "OUT_OF_MEMORY"
  | "UNSUPPORTED_HOST"
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

/**
 * How the hidden states of a text (`[tokens, hidden]`) become one vector. CoROM uses `cls`.
 *
 * - `cls`: the last layer's hidden state of the `[CLS]` token.
 * - `mean`: the mean of the last layer's hidden states over all tokens.
 * - `avg_top2`: the mean over all tokens of the averaged hidden states of the last two layers.
 * - `avg_first_last`: the mean over all tokens of the averaged hidden states of the first and the last layer.
 */
export type Pooling = "cls" | "mean" | "avg_top2" | "avg_first_last";

/**
 * How two vectors are compared.
 *
 * - `dot`: inner product; larger is more similar. CoROM was trained with it.
 * - `cosine`: cosine similarity, from -1 to 1; larger is more similar.
 * - `l2`: Euclidean distance, from 0; smaller is more similar.
 */
export type Metric = "dot" | "cosine" | "l2";

/** A `File`, or an object with the same properties. */
export interface FileLike {
  readonly name: string;
  readonly size: number;
  readonly webkitRelativePath?: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The content of one file in memory: bytes, a `Blob`, or text (encoded as UTF-8). */
export type FileContents =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> };

/**
 * The location of a model. Files are passed to WebAssembly in chunks; no file is held in memory as a whole, except the
 * files that you pass in memory.
 *
 * - A URL of the model folder. A relative URL is resolved against the page. A query string is appended to the URL of
 *   each file.
 * - In Node, Deno and Bun: a path of the model folder, or a `file:` URL.
 * - A URL or path of an `.onnx` file. The model folder is then the folder that contains the file, and the option
 *   `model` is set to the file. If the file is in a folder named `onnx` (the layout of transformers.js), the model
 *   folder is the parent folder. The URL of a converted folder's `model.onnx` is equivalent to the URL of the folder.
 * - An array of URLs: mirrors, tried in order. If a mirror does not have a file, fails, or sends a damaged file, the
 *   next mirror is tried. A partial download continues from the next mirror.
 * - Files in memory, keyed by their path in the folder: an object or a `Map`.
 * - A `FileList` or an array of `File`, from `<input type="file">` with `multiple` or `webkitdirectory`.
 */
export type Source =
  | string
  | URL
  | readonly (string | URL)[]
  | { readonly [path: string]: FileContents }
  | ReadonlyMap<string, FileContents>
  | ArrayLike<FileLike>;

/** A WebAssembly binary: a URL, a `Response`, bytes, or a compiled `WebAssembly.Module`. */
export type WasmSource = string | URL | ArrayBuffer | ArrayBufferView | object;

/** A progress event of `Corom.load`. `loaded` and `total` are in bytes. */
export type Progress =
  | {
      /**
       * The WebAssembly binary is being fetched and compiled. Sent once at the start and once at the end, and not at
       * all if an earlier load has already compiled the binary.
       */
      readonly phase: "wasm";
      readonly file: string;
      readonly loaded: number;
      readonly total: number | undefined;
    }
  | {
      /**
       * - `download`: a model file is being fetched or read from the source.
       * - `verify`: a model file is being read from the cache, and its SHA-256 is checked.
       */
      readonly phase: "download" | "verify";
      /** Path of the file in the model folder. */
      readonly file: string;
      /** Bytes of this file so far. */
      readonly fileLoaded: number;
      /** Size of this file in bytes; undefined if unknown. */
      readonly fileTotal: number | undefined;
      /** Bytes of all files so far. */
      readonly loaded: number;
      /**
       * Size of all files in bytes. With a `corom.json`, the total of the manifest. Without one, the total of the files
       * requested so far, and undefined while the size of one of these files is unknown.
       */
      readonly total: number | undefined;
      /** Bytes per second over the last 3 seconds. Only for `download`, and undefined for the first 0.1 s. */
      readonly rate?: number | undefined;
    }
  | {
      /**
       * - `pack`: all files have arrived; the model is being built.
       * - `self-test`: the model embeds the converter's test texts, and the vectors are compared.
       * - `done`: the model is ready.
       */
      readonly phase: "pack" | "self-test" | "done";
      readonly loaded: number;
      readonly total: number | undefined;
    }
  | {
      /** A problem that does not stop the load. */
      readonly phase: "warning";
      /**
       * - `CACHE_FULL`: storage is full. Further downloads are not cached.
       * - `CACHE_FAILED`: the cache cannot be read or written. Loading continues without it.
       * - `OFFLINE`: `corom.json` could not be fetched. The `corom.json` of an earlier load is used.
       */
      readonly code: "CACHE_FULL" | "CACHE_FAILED" | "OFFLINE";
      readonly message: string;
      readonly cause?: unknown;
    };

/** The second argument of the option `fetch`: the properties of `RequestInit` that corom sets. */
export interface FetchInit {
  /**
   * Contains `range` and `if-range` when a download continues. A response with status 200 and the whole file is
   * accepted.
   */
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** The HTTP cache mode. Set in browsers only. */
  readonly cache?: "default" | "no-cache" | "no-store" | "reload";
}

/** The properties of `Response` that corom reads. */
export interface FetchResponse {
  readonly status: number;
  readonly statusText?: string;
  readonly headers: { get(name: string): string | null };
  /** A `ReadableStream` of `Uint8Array`. Any other body is read with `arrayBuffer()`. */
  readonly body: unknown;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The downloads that are cached on this device. */
export interface ModelCache {
  /**
   * Returns the size of the cache: bytes, and the number of cached files.
   *
   * @param options.cacheDir The folder of the cache. Required in Node, Deno and Bun; not available in browsers.
   *
   * @example
   * await Corom.cache.size(); // { bytes: 24292476, files: 4 }
   */
  size(options?: { cacheDir?: string | URL }): Promise<{ bytes: number; files: number }>;
  /**
   * Deletes all cached files. Loads that are running are not affected.
   *
   * @param options.cacheDir The folder of the cache. Required in Node, Deno and Bun; not available in browsers.
   *
   * @example
   * await Corom.cache.clear({ cacheDir: "./models" }); // in Node
   */
  clear(options?: { cacheDir?: string | URL }): Promise<void>;
}

export interface LoadOptions {
  /**
   * Maximum length of a text in tokens, including `[CLS]` and `[SEP]`. Longer texts are truncated. At least 2.
   * Default: the model's own limit, otherwise 128.
   */
  maxLength?: number;
  /** How hidden states become one vector; see {@link Pooling}. Default: the model's own pooling, otherwise `cls`. */
  pooling?: Pooling;
  /** true: vectors are scaled to length 1. Default: the model's own setting, otherwise false. */
  normalize?: boolean;
  /**
   * true: after the model is built, it embeds the converter's test texts, and the load fails with `SELF_TEST_FAILED` if
   * the vectors differ. Models without test texts are not tested. false: the self-test is skipped. Default: true.
   */
  selfTest?: boolean;
  /**
   * Path of the `.onnx` file in the model folder. Default: the file that `corom.json` names; without a `corom.json` the
   * first of `model.onnx`, `onnx/model.onnx`, `onnx/model_quantized.onnx` and so on that exists. With a value other
   * than `model.onnx`, `corom.json` is not used.
   */
  model?: string;
  /**
   * Function that fetches the model's files, for example with your own headers, or from a key-value store or bucket.
   * An error that it throws is reported as `FETCH_FAILED` and retried, unless it is a `CoromError`.
   * Default: the global `fetch`.
   *
   * @example
   * const headers = { authorization: "Bearer …" };
   * await Corom.load(url, {
   *   fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
   * });
   */
  fetch?: (url: string, init: FetchInit) => FetchResponse | Promise<FetchResponse>;
  /**
   * Where a browser keeps downloads. Only files listed in `corom.json` are cached, by their SHA-256, and the SHA-256 is
   * checked on every read. An interrupted download continues in the next load. The files of a folder without a
   * `corom.json` use only the HTTP cache.
   *
   * - `auto`: OPFS if available, otherwise the Cache API, otherwise no cache.
   * - `opfs`: the origin private file system. `UNSUPPORTED_HOST` if it is not available.
   * - `cache-api`: the Cache API. `UNSUPPORTED_HOST` if it is not available.
   * - `none`: no cache.
   *
   * Default: `auto`. In Node, Deno and Bun, `auto` means the folder `cacheDir`.
   */
  cache?: "auto" | "opfs" | "cache-api" | "none";
  /** Folder for cached downloads in Node, Deno and Bun: a path or a `file:` URL. Default: downloads are not cached. */
  cacheDir?: string | URL;
  /**
   * Maximum number of retries in a row after a network error or a status such as 503. The count starts again whenever a
   * retry brings at least 256 KiB of new data. Default: 3.
   */
  retries?: number;
  /** Milliseconds without a byte after which a request fails and is retried. `Infinity`: no limit. Default: 30000. */
  stallTimeout?: number;
  /** Signal that aborts the load. Data downloaded so far stays in the cache. Default: the load cannot be aborted. */
  signal?: AbortSignal;
  /** Called with progress events. If it throws, the load is rejected with that error. Default: no progress events. */
  onProgress?: (progress: Progress) => void;
  /**
   * Which of the two WebAssembly binaries is used.
   *
   * - `auto`: `relaxed` if the engine supports relaxed SIMD, otherwise `plain`.
   * - `plain`: the binary without relaxed SIMD. Runs in every engine with WebAssembly SIMD.
   * - `relaxed`: the binary with relaxed SIMD. `UNSUPPORTED_HOST` if the engine does not support it.
   *
   * Default: `auto`.
   */
  simd?: "auto" | "plain" | "relaxed";
  /**
   * Which kernels compute products with int8 and int4 weights.
   *
   * - `auto`: in the `relaxed` binary the fastest kernels, which quantize activations to 7 bits (8 bits with 4-bit
   *   weights); in the `plain` binary the exact kernels.
   * - `exact`: kernels that return the same bits on every machine and in both binaries.
   *
   * Default: `auto`.
   */
  kernel?: "auto" | "exact";
  /**
   * Number type of weights and activations.
   *
   * - `auto`: int8, or int4 weights if the file has them. Float weights are quantized during loading.
   * - `f32`: 32-bit floats. Needs four times the memory and takes about twice the time.
   *
   * Default: `auto`.
   */
  precision?: "auto" | "f32";
  /**
   * true: graphs that are recognized as BERT run as fused operations. false: the graph runs unchanged in tract, which
   * is at least four times slower; useful for comparison. Default: true.
   */
  fused?: boolean;
  /**
   * The WebAssembly binary, or a promise of it, for hosts where it is not served beside this package's JavaScript. If
   * the promise is rejected, the load fails with `FETCH_FAILED` and the rejection as its `cause`.
   * Default: the binary of this package that `simd` selects.
   */
  wasm?: WasmSource | Promise<WasmSource>;
  /**
   * Maximum number of vectors in the query cache. It keeps the vectors of recent calls with a single text and of recent
   * queries, up to 1024 UTF-16 code units long. 0: no query cache. Default: 256.
   */
  queryCache?: number;
}

/** Properties of a loaded model. The object is frozen; the getters `wasmMemory` and `kernel` return current values. */
export interface Info {
  /** Length of a vector. */
  readonly dimension: number;
  /** Number of transformer layers. */
  readonly layers: number;
  /** Number of attention heads per layer. */
  readonly heads: number;
  /** Number of tokens in the vocabulary. */
  readonly vocabSize: number;
  /** Maximum length of a text in tokens, including `[CLS]` and `[SEP]`. Longer texts are truncated. */
  readonly maxLength: number;
  /** The pooling in use. `graph`: the model's graph outputs one vector per text. */
  readonly pooling: Pooling | "graph";
  /** Whether vectors are scaled to length 1. */
  readonly normalize: boolean;
  /** Number type of the weights in the file: `f32`, `f16`, `int8`, `int4`. */
  readonly dtype: string;
  /** What runs the model: `cpu`, or `cpu (tract)` for a graph that does not run as fused operations. */
  readonly backend: string;
  /** Whether the graph runs as fused operations. A graph that is not recognized runs unchanged, and slower. */
  readonly fused: boolean;
  /** Number type of the matrix products. */
  readonly precision: "int8" | "int4" | "f32";
  /**
   * The kernel of the matrix products: `exact`, `relaxed-i16`, `relaxed-i32`, or `tract` for a graph that is not fused.
   * `relaxed-i16` and `relaxed-i32` return the same bits; this is the one that is faster so far.
   */
  readonly kernel: string;
  /** Bytes of memory that the weights take. */
  readonly weightBytes: number;
  /** The WebAssembly binary that runs; `custom` if it was passed as the option `wasm`. */
  readonly simd: "plain" | "relaxed" | "custom";
  /** Version of the Rust core. */
  readonly version: string;
  /** Bytes of WebAssembly memory of this instance. It never shrinks, so this is also the peak. 0 after `free()`. */
  readonly wasmMemory: number;
}

export interface CallOptions {
  /**
   * Signal that rejects the call with the signal's `reason`: immediately while the call waits in the queue, after the
   * current batch while it runs. Default: the call cannot be aborted.
   */
  signal?: AbortSignal;
  /**
   * true: aborts the previous call that was made with this option, if it is still pending; that call is rejected with
   * an `AbortError`. Useful for search as you type. Default: false.
   */
  abortPrevious?: boolean;
}

export interface ScoreOptions extends CallOptions {
  /** How vectors are compared; see {@link Metric}. Default: `dot`. */
  metric?: Metric;
}

export interface RankOptions extends ScoreOptions {
  /** Maximum number of documents to return. Default: all documents. */
  topK?: number;
}

export interface PipelineOptions extends CallOptions {
  /**
   * The ModelScope release whose `scores` are returned. The two releases differ only if `sentences_to_compare` is
   * empty.
   *
   * - `1.2`: the scores of the first source sentence with the other source sentences, as on the model card.
   * - `latest`: no scores, as in later releases.
   *
   * Default: `1.2`.
   */
  modelscopeVersion?: "1.2" | "latest";
}

/**
 * The vectors of a list of texts: a row-major matrix `[rows, dimension]` with one row per text. Iterating yields the
 * rows.
 */
export interface Embeddings extends Iterable<Float32Array> {
  /** All `rows × dimension` numbers, row by row. */
  readonly data: Float32Array;
  /** Number of texts. */
  readonly rows: number;
  /** Length of a vector. */
  readonly dimension: number;
  /**
   * Returns row `i`, counted from 0, as a view into `data` (not a copy). Throws `INVALID_ARGUMENT` if `i` is not a row.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤", "牛仔裤"]);
   * vectors.row(1).length; // 512
   */
  row(i: number): Float32Array;
}

/** One result of `rank`. */
export interface Ranked {
  /** Index of the document in the list that was ranked. */
  readonly index: number;
  /** Score of the document with the query. */
  readonly score: number;
  /** The document itself. */
  readonly text: string;
}

/**
 * Input of `pipeline`, with the keys of ModelScope's sentence-embedding pipeline. A string is a list of one sentence.
 */
export interface PipelineInput {
  /** The source sentences; at least one. */
  source_sentence: string | readonly string[];
  /** The sentences to compare with the first source sentence. Default: none. */
  sentences_to_compare?: string | readonly string[] | null;
}

/** Output of `pipeline`, with the keys of ModelScope's sentence-embedding pipeline. */
export interface PipelineOutput {
  /** One vector per sentence: first the source sentences, then the sentences to compare. */
  text_embedding: Float32Array[];
  /** Inner products of the first source sentence with every other sentence. */
  scores: number[];
}

/** The tokens of one text. */
export interface Tokens {
  /** Token ids, including `[CLS]` and `[SEP]`, truncated to `maxLength`. */
  readonly ids: number[];
  /** The tokens as text, one per id. */
  readonly tokens: string[];
  /** Start and end of each token in the text, in UTF-16 code units, as `slice` takes them. */
  readonly offsets: [start: number, end: number][];
  /** Whether the text had more than `maxLength` tokens. */
  readonly truncated: boolean;
}

/**
 * A loaded model. `Corom.load` creates instances.
 *
 * Calls on one instance run one after the other, in the order in which they were made. Between batches and between
 * calls the instance yields to the event loop. A lone surrogate in a text is read as U+FFFD.
 *
 * After `INTERNAL`, and after an `OUT_OF_MEMORY` whose message says to load the model again, the instance cannot be
 * used any more. After every other error the instance works as before.
 *
 * The numbers in the examples are those of m3e-small.
 */
export class Corom {
  private constructor();

  /**
   * Loads a model. Nothing is fetched or compiled before this call.
   *
   * @throws {@link CoromError} with the code `INVALID_ARGUMENT`, `FETCH_FAILED`, `MISSING_FILE`, `NOT_A_MODEL`,
   * `INTEGRITY_MISMATCH`, `UNSUPPORTED_FORMAT`, `UNSUPPORTED_MODEL`, `UNSUPPORTED_OPERATOR`, `UNSUPPORTED_POOLING`,
   * `UNSUPPORTED_HOST`, `INVALID_CONFIG`, `INVALID_TOKENIZER`, `INVALID_MODEL`, `TOKENIZER_MISMATCH`,
   * `TOKEN_ID_OUT_OF_RANGE`, `SELF_TEST_FAILED`, `OUT_OF_MEMORY` or `INTERNAL`.
   *
   * @example
   * const corom = await Corom.load("./model/", {
   *   onProgress: ({ phase, loaded, total }) => console.log(phase, loaded, total),
   * });
   * corom.info.dimension; // 512
   */
  static load(source: Source, options?: LoadOptions): Promise<Corom>;

  /** The downloads that are cached on this device. */
  static readonly cache: ModelCache;

  /** Properties of the model. */
  readonly info: Info;

  /**
   * Returns the vector of a text, or the vectors of a list of texts. An empty list gives 0 rows. An empty text is
   * embedded like any other text.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤女冬牛仔", "阔腿裤男大码高腰宽松。"]);
   * vectors.rows; // 2
   * vectors.row(0); // Float32Array(512) [0.07, -0.48, -0.30, …]
   */
  embed(texts: string | readonly string[], options?: CallOptions): Promise<Embeddings>;

  /**
   * Compares the query with each document. Returns one number per document, in the order of the documents.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.score("阔腿裤女冬牛仔", documents, { metric: "cosine" }); // Float32Array [0.81, 0.90]
   */
  score(query: string, documents: readonly string[], options?: ScoreOptions): Promise<Float32Array>;

  /**
   * Sorts the documents by their score with the query, best first. Documents with equal scores keep their order.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.rank("阔腿裤女冬牛仔", documents, { metric: "cosine", topK: 1 });
   * // [{ index: 1, score: 0.90, text: "阔腿牛仔裤女秋冬款潮流百搭宽松。" }]
   */
  rank(query: string, documents: readonly string[], options?: RankOptions): Promise<Ranked[]>;

  /**
   * Returns what ModelScope's sentence-embedding pipeline returns for the same input: vectors, and the inner products
   * of the first source sentence with every other sentence.
   *
   * @example
   * const { text_embedding, scores } = await corom.pipeline({
   *   source_sentence: "阔腿裤女冬牛仔",
   *   sentences_to_compare: ["阔腿牛仔裤女秋冬款潮流百搭宽松。", "阔腿裤男大码高腰宽松。"],
   * });
   * text_embedding.length; // 3
   * scores; // [277.0, 254.9]
   */
  pipeline(input: PipelineInput, options?: PipelineOptions): Promise<PipelineOutput>;

  /**
   * Returns the tokens of a text, as the model reads them.
   *
   * @example
   * corom.tokenize("阔腿裤");
   * // { ids: [101, 7333, 5597, 6175, 102], tokens: ["[CLS]", "阔", "腿", "裤", "[SEP]"],
   * //   offsets: [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]], truncated: false }
   */
  tokenize(text: string): Tokens;

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

// For compilers whose `lib` has no `esnext.disposable`. If `lib` has it, the two declarations merge.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}
