// Types of the npm package `corom`, the same for every entry point.

/**
 * What went wrong, as {@link CoromError.code}. A code is never renamed; messages may be.
 *
 * - `INVALID_ARGUMENT`: an argument of the wrong type, shape or range; the message names it.
 * - `FREED`: the instance was used after `free()`.
 * - `FETCH_FAILED`: a file could not be fetched or read: network, HTTP status, file system.
 * - `MISSING_FILE`: a file that the model needs is not there.
 * - `NOT_A_MODEL`: a file is something else entirely, an HTML page for instance.
 * - `INTEGRITY_MISMATCH`: a file's size or SHA-256 is not what the manifest says.
 * - `UNSUPPORTED_FORMAT`: the manifest is of a newer format version.
 * - `INVALID_CONFIG`, `INVALID_TOKENIZER`, `INVALID_MODEL`: that file cannot be read or contradicts itself; the
 *   last also when the weights give vectors that are not numbers.
 * - `TOKENIZER_MISMATCH`: tokenizer and model have different vocabularies.
 * - `UNSUPPORTED_MODEL`: sound, but not a BERT encoder that this package can run.
 * - `UNSUPPORTED_OPERATOR`: the graph has an operator that is not supported; the message names it.
 * - `UNSUPPORTED_POOLING`: the pooling asked for needs hidden states that the graph does not give.
 * - `TOKEN_ID_OUT_OF_RANGE`: a token id lies outside the model's vocabulary.
 * - `SELF_TEST_FAILED`: the model gave other vectors than the converter's.
 * - `OUT_OF_MEMORY`: there was not enough memory. When it struck during a call, the message says to load again.
 * - `UNSUPPORTED_HOST`: no WebAssembly here, none with SIMD, or the page's Content-Security-Policy forbids it.
 * - `INTERNAL`: a fault of this package; the instance is of no further use: load the model again. Please report it.
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
 * Every rejection of this package but two: an abort rejects with the signal's own reason (an `AbortError` or
 * `TimeoutError` DOMException unless you gave another), and what `onProgress` throws comes out as it is.
 */
export class CoromError extends Error {
  constructor(code: CoromErrorCode, message: string, options?: { cause?: unknown });
  readonly name: "CoromError";
  readonly code: CoromErrorCode;
  /** The error beneath, where there is one: what `fetch` threw, a text from the core, a WebAssembly trap. */
  readonly cause?: unknown;
}

/** How the rows of the last layer become one vector. CoROM's own is `cls`. */
export type Pooling = "cls" | "mean" | "avg_top2" | "avg_first_last";

/**
 * `dot`: inner product, CoROM's own measure. `cosine`: −1 to 1. Both are better when larger.
 * `l2`: Euclidean distance, better when smaller.
 */
export type Metric = "dot" | "cosine" | "l2";

/** A `File` or something like it. */
export interface FileLike {
  readonly name: string;
  readonly size: number;
  readonly webkitRelativePath?: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What one file in memory may be: bytes, a `Blob`, or text. */
export type FileContents =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> };

/**
 * Where a model is. No file is ever held whole outside WebAssembly, but for those that you hold.
 * - a URL of its folder. Relative ones are resolved against the page. A query string is sent with every file;
 * - in Node, a path of its folder, or a `file:` URL;
 * - a URL or path of an `.onnx` file: its folder is meant, with `model` set to that file, so the address of a
 *   converted folder's `model.onnx` means what the folder's own does. When the file is in a folder called
 *   `onnx`, as transformers.js lays models out, the folder above is meant;
 * - an array of URLs: mirrors, in the order in which they are asked. What one does not have, fails to send or sends
 *   damaged comes from the next, and a file that one began another goes on with;
 * - files in memory, by their path in the folder: an object, or a `Map`;
 * - a `FileList` or an array of `File`, from `<input type="file" multiple>` or `webkitdirectory`.
 */
export type Source =
  | string
  | URL
  | readonly (string | URL)[]
  | { readonly [path: string]: FileContents }
  | ReadonlyMap<string, FileContents>
  | ArrayLike<FileLike>;

/** The WebAssembly itself: a URL, a `Response`, bytes or a `WebAssembly.Module`; or a promise of one. */
export type WasmSource = string | URL | ArrayBuffer | ArrayBufferView | object;

/** What a load is doing. `loaded` and `total` count the bytes of the phase. */
export type Progress =
  | {
      /**
       * The WebAssembly binary is fetched and compiled: one event at the start, one at the end, none when it
       * is there from an earlier load.
       */
      readonly phase: "wasm";
      readonly file: string;
      readonly loaded: number;
      readonly total: number | undefined;
    }
  | {
      /** The model's files arrive: `download`, or `verify` where they were kept before and are only checked. */
      readonly phase: "download" | "verify";
      /** The file that moved. */
      readonly file: string;
      readonly fileLoaded: number;
      readonly fileTotal: number | undefined;
      /** Bytes of all files so far. */
      readonly loaded: number;
      /**
       * Bytes of all files: of a folder with `corom.json` as soon as that is there; of others those asked for so
       * far, and undefined while one of them is of unknown size.
       */
      readonly total: number | undefined;
      /** Bytes per second that came in the last seconds, once that can be said. Only of `download`. */
      readonly rate?: number | undefined;
    }
  | {
      /**
       * `pack`: everything is here, the model is built. `self-test`: it is tried on the texts that its converter
       * left in it. `done`: it is ready.
       */
      readonly phase: "pack" | "self-test" | "done";
      readonly loaded: number;
      readonly total: number | undefined;
    }
  | {
      /** Something failed that the load does without. */
      readonly phase: "warning";
      /**
       * - `CACHE_FULL`: the host gives the cache no more room: what comes now is not kept.
       * - `CACHE_FAILED`: the cache cannot be read or written.
       * - `OFFLINE`: the manifest could not be asked for; the one of an earlier load is used.
       */
      readonly code: "CACHE_FULL" | "CACHE_FAILED" | "OFFLINE";
      readonly message: string;
      readonly cause?: unknown;
    };

/** What the option `fetch` is called with: of the global `fetch`'s parameters those that are used. */
export interface FetchInit {
  /** Says `range` and `if-range` where a download is continued; an answer without them in mind, status 200, will do. */
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** In browsers, which have a cache for HTTP. */
  readonly cache?: "default" | "no-cache" | "no-store" | "reload";
}

/** A `Response`, as far as it is looked at. */
export interface FetchResponse {
  readonly status: number;
  readonly statusText?: string;
  readonly headers: { get(name: string): string | null };
  /** A stream of `Uint8Array`; anything else is read by `arrayBuffer()`. */
  readonly body: unknown;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** What is kept of downloads on this device. */
export interface ModelCache {
  /** Bytes kept, and how many files they are of. `cacheDir`: where there is a file system, and needed there. */
  size(options?: { cacheDir?: string | URL }): Promise<{ bytes: number; files: number }>;
  /** Deletes all of it. Loads under way are not harmed. */
  clear(options?: { cacheDir?: string | URL }): Promise<void>;
}

export interface LoadOptions {
  /** Where texts are cut, in tokens with `[CLS]` and `[SEP]`; at least 2. Default: the model's, else 128. */
  maxLength?: number;
  /** Default: the model's, else `cls`. */
  pooling?: Pooling;
  /** Whether vectors are scaled to length 1. Default: the model's, else false. */
  normalize?: boolean;
  /** Whether the model is tried on the texts that its converter left in it. Default: true. */
  selfTest?: boolean;
  /**
   * Path of the `.onnx` file in the folder. Default: what `corom.json` says, else the usual places: `model.onnx`,
   * `onnx/model.onnx`, `onnx/model_quantized.onnx` … Any but `model.onnx` is loaded without `corom.json`.
   */
  model?: string;
  /**
   * Gets the model's files in place of the global `fetch`: with headers of yours, from a key-value store, a bucket.
   * What it throws is `FETCH_FAILED`, and tried again, unless it is a `CoromError`.
   */
  fetch?: (url: string, init: FetchInit) => FetchResponse | Promise<FetchResponse>;
  /**
   * Where downloads are kept: `opfs` (the origin private file system), `cache-api`, or `none`. The default, `auto`, is
   * the first of these that a page or its worker can have; elsewhere none. Only files that `corom.json` lists are kept,
   * by their SHA-256, and checked by it whenever they are read; other people's folders leave it to HTTP's own cache.
   * An interrupted download is continued by the next load. `UNSUPPORTED_HOST` where there is no such cache.
   */
  cache?: "auto" | "opfs" | "cache-api" | "none";
  /** In Node, Deno and Bun: a folder to keep downloads in. Without it nothing is kept there. */
  cacheDir?: string | URL;
  /** How often in a row a request is tried again that the network or a status such as 503 failed. Default: 3. */
  retries?: number;
  /** Milliseconds without a byte after which a request counts as failed. Default: 30,000; `Infinity`: never. */
  stallTimeout?: number;
  /** Aborts the download and the load. What came so far is kept where there is a cache. */
  signal?: AbortSignal;
  /** Hears how far the load is. What it throws ends the load. */
  onProgress?: (progress: Progress) => void;
  /**
   * Which of the two WebAssembly binaries: `relaxed` needs an engine with relaxed SIMD (`UNSUPPORTED_HOST`
   * elsewhere), `plain` runs wherever there is SIMD. Default: `auto`, relaxed where it can.
   */
  simd?: "auto" | "plain" | "relaxed";
  /**
   * `exact`: the kernels that give the same bits on every machine, in either binary. `auto`, the default: in the
   * relaxed binary the faster ones, whose activations have 7 bits (8 against 4-bit weights).
   */
  kernel?: "auto" | "exact";
  /**
   * `auto`, the default: int8 weights and activations, or the file's 4 bits; float weights are quantised while they
   * load. `f32`: floats throughout, four times the memory and about half as fast.
   */
  precision?: "auto" | "f32";
  /** false: runs the graph as it is in plain tract, four times slower or more. For comparison. Default: true. */
  fused?: boolean;
  /**
   * The WebAssembly, where it is not beside this package's JavaScript. A promise that is rejected is
   * `FETCH_FAILED`, with what it was rejected with as the cause.
   */
  wasm?: WasmSource | Promise<WasmSource>;
  /** How many vectors of single texts and queries (of up to 1,024 UTF-16 code units) are kept. Default: 256. */
  queryCache?: number;
}

/** What was loaded. Frozen; `wasmMemory` is read anew each time. */
export interface Info {
  /** Numbers in a vector. */
  readonly dimension: number;
  /** Transformer layers. */
  readonly layers: number;
  /** Attention heads of a layer. */
  readonly heads: number;
  /** Tokens in the vocabulary. */
  readonly vocabSize: number;
  /** Where texts are cut, in tokens with `[CLS]` and `[SEP]`. */
  readonly maxLength: number;
  /** `graph`: the model's own output is one vector a text already. */
  readonly pooling: Pooling | "graph";
  readonly normalize: boolean;
  /** Number type of the weights in the file: `f32`, `f16`, `int8`, `int4`. */
  readonly dtype: string;
  /** What runs the model: `cpu`, or `cpu (tract)` for a graph that is not fused. */
  readonly backend: string;
  /** Whether the graph runs as fused ops. One with a part that is not known runs as it is, slower. */
  readonly fused: boolean;
  /** Number type of the products. */
  readonly precision: "int8" | "int4" | "f32";
  /** `exact`; `relaxed-i16` or `relaxed-i32`: of these two, which give the same bits, the faster so far; else `tract`. */
  readonly kernel: string;
  /** Bytes of weights as held in memory. */
  readonly weightBytes: number;
  /** Which WebAssembly binary runs; `custom` when the option `wasm` gave it. */
  readonly simd: "plain" | "relaxed" | "custom";
  /** Version of the Rust core. */
  readonly version: string;
  /** Bytes of WebAssembly memory that this instance holds. It never shrinks, so this is the peak; 0 after `free()`. */
  readonly wasmMemory: number;
}

export interface CallOptions {
  /** Rejects the call with the signal's reason: at once while it waits, between two batches while it runs. */
  signal?: AbortSignal;
  /** For search as you type: the call before that had this too, if still pending, is rejected with an `AbortError`. */
  abortPrevious?: boolean;
}

export interface ScoreOptions extends CallOptions {
  /** Default: `dot`. */
  metric?: Metric;
}

export interface RankOptions extends ScoreOptions {
  /** How many of the best to return. Default: all. */
  topK?: number;
}

export interface PipelineOptions extends CallOptions {
  /**
   * What `scores` are when there are no sentences to compare with: `1.2`, the default, scores the first
   * source sentence against the other source sentences, as the model card shows; `latest` gives none, as
   * newer releases of ModelScope do.
   */
  modelscopeVersion?: "1.2" | "latest";
}

/** Vectors, one row a text: a row-major matrix. Iterates over its rows. */
export interface Embeddings extends Iterable<Float32Array> {
  /** `rows × dimension` numbers. */
  readonly data: Float32Array;
  readonly rows: number;
  readonly dimension: number;
  /** Row `i`, counted from 0: a view into `data`, not a copy. `INVALID_ARGUMENT` when there is none. */
  row(i: number): Float32Array;
}

export interface Ranked {
  /** Where the document was in the list. */
  readonly index: number;
  readonly score: number;
  readonly text: string;
}

/** Keys as ModelScope's sentence-embedding pipeline has them. A string counts as a list of one. */
export interface PipelineInput {
  /** At least one sentence. */
  source_sentence: string | readonly string[];
  sentences_to_compare?: string | readonly string[] | null;
}

export interface PipelineOutput {
  /** One vector a sentence, the sources first, then the compared ones. */
  text_embedding: Float32Array[];
  /** Inner products of the first source sentence with every other sentence. */
  scores: number[];
}

export interface Tokens {
  /** Token ids with `[CLS]` and `[SEP]`, cut at `maxLength`. */
  readonly ids: number[];
  readonly tokens: string[];
  /** Where each token was in the text: start and end in UTF-16 code units, as `slice` takes them. */
  readonly offsets: [start: number, end: number][];
  /** Whether the text was longer than `maxLength`. */
  readonly truncated: boolean;
}

/**
 * A loaded model.
 *
 * Calls on one instance queue. Between batches, and between calls, the event loop gets its turn. A lone surrogate
 * in a text counts as U+FFFD. After `INTERNAL`, and after an `OUT_OF_MEMORY` whose message says so, load the model
 * again (in a worker the next call does); after every other error the instance is as good as before.
 */
export class Corom {
  private constructor();

  /**
   * Loads a model. Nothing is fetched or compiled before this is called.
   *
   * Rejects with {@link CoromError}: `FETCH_FAILED`, `MISSING_FILE`, `NOT_A_MODEL`, `INTEGRITY_MISMATCH`,
   * `UNSUPPORTED_…` (`UNSUPPORTED_HOST` among them), `INVALID_…`, `TOKENIZER_MISMATCH`, `SELF_TEST_FAILED`,
   * `OUT_OF_MEMORY`, `INTERNAL`.
   */
  static load(source: Source, options?: LoadOptions): Promise<Corom>;

  /** What is kept of downloads on this device. */
  static readonly cache: ModelCache;

  readonly info: Info;

  /** The vector of a text, or of each of several. An empty list gives no rows; an empty text is a text. */
  embed(texts: string | readonly string[], options?: CallOptions): Promise<Embeddings>;

  /** How well each document matches the query: one number a document, in their order. */
  score(query: string, documents: readonly string[], options?: ScoreOptions): Promise<Float32Array>;

  /** The documents, best first; equal scores keep their order. */
  rank(query: string, documents: readonly string[], options?: RankOptions): Promise<Ranked[]>;

  /** ModelScope's call: `pipeline(Tasks.sentence_embedding)(input)`. */
  pipeline(input: PipelineInput, options?: PipelineOptions): Promise<PipelineOutput>;

  /** What the model sees of a text. */
  tokenize(text: string): Tokens;

  /** Lets go of the model and its memory. Calls under way reject with `FREED`. A second call does nothing. */
  free(): void;

  /** The same as `free()`, for `using`. */
  [Symbol.dispose](): void;
}

// For compilers whose `lib` is older than `esnext.disposable`; merges with it where it is there.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}
