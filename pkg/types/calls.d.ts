// Arguments and results of the methods of `Corom`.
import type { Metric, Pooling } from "./load.js";

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
  | { readonly setting: "normalize"; readonly value: boolean }
  | { readonly setting: "maxLength"; readonly value: number }
);

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
  /** The pooling in use; an array if several are concatenated. */
  readonly pooling: Pooling | readonly Pooling[];
  /** Whether vectors are scaled to length 1. */
  readonly normalize: boolean;
  /** Path of the ONNX file in the model folder. */
  readonly model: string;
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
  /** How `score` and `rank` compare vectors by default. */
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

/**
 * A text that goes before each text: the name of one of the model's prompts (`info.prompts`), or the text itself. A
 * string of ASCII letters, digits, `_`, `-` and `.` alone is a name; use `{ text }` for such a text.
 */
export type Prompt = string | { name: string } | { text: string };

export interface EmbedOptions extends CallOptions {
  /** The text before each text; `""` for none. Default: the model's default prompt, `info.defaultPromptName`, or none. */
  prompt?: Prompt;
}

export interface ScoreOptions extends CallOptions {
  /** How vectors are compared; see {@link Metric}. Default: the model's own, `info.metric`. */
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
  /** Number of tokens per text that the vector was computed from, including `[CLS]` and `[SEP]`. */
  readonly tokens: Uint32Array;
  /** Whether the text was cut, per text: it had more than `maxLength` tokens, and the rest has no part in the vector. */
  readonly truncated: readonly boolean[];
  /**
   * Number of unknown tokens (`[UNK]`) per text: what the vocabulary does not have. Texts that differ only in unknown
   * tokens have the same vector.
   */
  readonly unknown: Uint32Array;
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
  /** Number of unknown tokens (`[UNK]`): what the vocabulary does not have. */
  readonly unknown: number;
}
