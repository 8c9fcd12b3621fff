// Arguments and results of the methods of `Corom`.
import type { EmbeddingsData, VectorLike } from "./embeddings.js";
import type { Metric, Pooling } from "./load.js";
import type { CallProgress } from "./progress.js";

/** A module after the pooling. */
export interface HeadModule {
  readonly type: "dense" | "layer_norm" | "normalize";
  readonly [property: string]: unknown;
}

/**
 * A setting of a loaded model and where it comes from. `source` is the path of a file in the model folder, `options`
 * for an option of `Corom.load`, or `default`.
 */
export type Decision = { readonly source: string } & (
  | { readonly setting: "pooling"; readonly value: Pooling | readonly Pooling[] }
  | { readonly setting: "head"; readonly value: readonly HeadModule[] }
  | { readonly setting: "normalize" | "lowercase" | "splitSpecialTokens"; readonly value: boolean }
  | { readonly setting: "maxLength"; readonly value: number }
  | { readonly setting: "metric"; readonly value: Metric }
  | { readonly setting: "prompts"; readonly value: Readonly<Record<string, string>> }
  | { readonly setting: "defaultPromptName"; readonly value: string | null }
  | { readonly setting: "model"; readonly value: string }
);

/**
 * Properties of a loaded model. The object is frozen; the getters `wasmMemory` and `kernel` return current values. So do,
 * with `device: "auto"` or `"webgpu"`, those of what runs the model, such as `device`.
 */
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
  /** The pooling in use; an array if several are concatenated. */
  readonly pooling: Pooling | readonly Pooling[];
  /** True if vectors are scaled to length 1. */
  readonly normalize: boolean;
  /** Path of the ONNX file in the model folder. */
  readonly model: string;
  /** Number type of the weights in the file: `f32`, `f16`, `int8`, `int4`. */
  readonly dtype: string;
  /**
   * What runs lists of texts now: `wasm` is the CPU. With `device: "auto"`, `webgpu` once the GPU has the model and was
   * measured; single texts may still run on the CPU.
   */
  readonly device: "wasm" | "webgpu";
  /** Name of the GPU, as the browser gives it. Absent or undefined without one, and with `device: "wasm"`. */
  readonly gpu?: string | undefined;
  /**
   * Why the CPU runs the model although `device` is `auto` or `webgpu`. Absent or undefined while the GPU does, with
   * `device: "wasm"`, and in `auto` until it is decided.
   */
  readonly fallback?: string | undefined;
  /**
   * The back end that runs the model: `cpu`, `cpu (tract)` for a graph that does not run as fused operations, or `gpu`.
   */
  readonly backend: string;
  /** True if the graph runs as fused operations. A graph that is not recognized runs unchanged, and slower. */
  readonly fused: boolean;
  /** Number type of the matrix products. */
  readonly precision: "int8" | "int4" | "f32";
  /**
   * The kernel of the matrix products: `exact`, `relaxed-i16`, `relaxed-i32`, `tract` for a graph that is not fused, or on
   * a GPU `wgsl floats`, `wgsl int8` or `wgsl integers`.
   * `relaxed-i16` and `relaxed-i32` return the same bits; this is the one that is faster so far.
   */
  readonly kernel: string;
  /** Bytes of memory that the weights take. */
  readonly weightBytes: number;
  /**
   * Id of the model and of its vectors, equal for its f32, int8 and int4 folders. Vectors with the same id can be compared.
   * Absent for a folder that `corom convert` did not write.
   */
  readonly lineage?: string;
  /** The `lineage` of the model whose vectors this one returns, if it was distilled: it embeds queries for its catalogs. */
  readonly distilledFrom?: string;
  /** The default metric of `score` and `rank`. */
  readonly metric: Metric;
  /** The model's prompts: the text of each by its name. Empty if it has none. */
  readonly prompts: Readonly<Record<string, string>>;
  /** The name of the prompt that `embed` uses by default. */
  readonly defaultPromptName?: string;
  /** The settings that decide the vectors, each with the file that decided it. */
  readonly settings: readonly Decision[];
  /** The WebAssembly binary that runs; `custom` if it was passed as the option `wasm`. */
  readonly simd: "plain" | "relaxed" | "custom";
  /** Version of the Rust core. */
  readonly version: string;
  /** Bytes of WebAssembly memory of this instance. It never shrinks, so this is also the peak. 0 after `free()`. */
  readonly wasmMemory: number;
}

/** Options of every call. As everywhere in this package, `undefined` and `null` mean "not given". */
export interface CallOptions {
  /**
   * Signal that rejects the call with the signal's `reason`: immediately while the call waits in the queue, after the
   * current batch while it runs. Default: the call cannot be aborted.
   */
  signal?: AbortSignal | null | undefined;
  /**
   * true: aborts the previous call that was made with this option, if it is still pending; that call is rejected with
   * an `AbortError`. Useful for search as you type. Default: false.
   */
  abortPrevious?: boolean | null | undefined;
}

/** The option `onProgress` of calls. */
export interface ProgressOptions {
  /**
   * Called while the call runs, at most every 50 ms, and when the last text is done. If it throws, the call is rejected
   * with that error. Default: no progress events.
   */
  onProgress?: ((progress: CallProgress) => void) | null | undefined;
}

/**
 * A text that goes before each text: the name of one of the model's prompts (`info.prompts`), or the text itself. A
 * string of ASCII letters, digits, `_`, `-` and `.` alone is a name; use `{ text }` for such a text.
 */
export type Prompt = string | { name: string } | { text: string };

/** Options of `embed`. */
export interface EmbedOptions extends CallOptions, ProgressOptions {
  /** The text before each text; `""` for none. Default: the model's default prompt, `info.defaultPromptName`, or none. */
  prompt?: Prompt | null | undefined;
}

/** A `ReadableStream` of texts, also where it is no `AsyncIterable`. */
export interface TextStream {
  getReader(): { read(): Promise<{ done: boolean; value?: string | undefined }>; cancel(reason?: unknown): Promise<void> };
}

/** Options of `embed` with an iterable. */
export interface EmbedIterableOptions extends ProgressOptions {
  /** The text before each text; `""` for none. Default: the model's default prompt, `info.defaultPromptName`, or none. */
  prompt?: Prompt | null | undefined;
  /** Number of texts per `Embeddings`, at least 1. The last one may have fewer. Default: 256. */
  batchSize?: number | null | undefined;
  /** Signal that ends the iteration with the signal's `reason`. Default: `break` ends the iteration. */
  signal?: AbortSignal | null | undefined;
}

/** A query: a text, or a vector of the model's dimension. */
export type Query = string | VectorLike | EmbeddingsData;

/** Documents that a query is compared with: texts, or vectors of the model's dimension. */
export type Documents = readonly string[] | EmbeddingsData | readonly EmbeddingsData[] | readonly VectorLike[];

/** Options of `keep`. */
export interface KeepOptions extends CallOptions, ProgressOptions {}

/** Vectors that stay with the model: the result of `keep`. */
export interface KeptVectors {
  /** Number of vectors. */
  readonly rows: number;
  /** Length of a vector. */
  readonly dimension: number;
  /** Frees the vectors. A second call has no effect; `free()` of the instance frees them too. */
  free(): void;
  /** Calls `free()` at the end of a block with `using`. */
  [Symbol.dispose](): void;
}

/** Options of `score`. */
export interface ScoreOptions extends CallOptions, ProgressOptions {
  /** The metric; see {@link Metric}. Default: the model's own, `info.metric`. */
  metric?: Metric | null | undefined;
}

/** Options of `rank`. */
export interface RankOptions extends ScoreOptions {
  /** Maximum number of results: a whole number of at least 0, or `Infinity`. Default: all documents. */
  topK?: number | null | undefined;
}

/** One result of `rank`. */
export interface Ranked {
  /** Index of the document in the list that was ranked. */
  readonly index: number;
  /** Score of the document with the query. A larger score is better; for `l2` and `l1` it is the negative distance. */
  readonly score: number;
  /** The distance, from 0. Only for the metrics `l2` and `l1`. */
  readonly distance?: number;
}

/** One result of `rank` if the documents are texts. */
export interface RankedText extends Ranked {
  /** The document itself. */
  readonly text: string;
}

/** The tokens of one text. */
export interface Tokens {
  /** Token ids, including `[CLS]` and `[SEP]`, truncated to `maxLength`. */
  readonly ids: number[];
  /** The tokens as text, one per id. */
  readonly tokens: string[];
  /** Start and end of each token in the text, in UTF-16 code units, as `slice` takes them. */
  readonly offsets: [start: number, end: number][];
  /** True if the text had more than `maxLength` tokens. */
  readonly truncated: boolean;
  /** Number of unknown tokens (`[UNK]`): what the vocabulary does not have. */
  readonly unknown: number;
}
