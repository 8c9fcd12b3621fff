// Types of the npm package `corom`, the same for every entry point.
import type {
  CallOptions,
  EmbedOptions,
  Embeddings,
  Info,
  PipelineInput,
  PipelineOptions,
  PipelineOutput,
  RankOptions,
  Ranked,
  ScoreOptions,
  Tokens,
} from "./types/calls.js";
import type { LoadOptions, ModelCache, Source } from "./types/load.js";

export * from "./types/calls.js";
export * from "./types/errors.js";
export * from "./types/load.js";
export * from "./types/progress.js";

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
   * `POOLING_UNKNOWN`, `UNSUPPORTED_HOST`, `INVALID_CONFIG`, `INVALID_TOKENIZER`, `INVALID_MODEL`, `TOKENIZER_MISMATCH`,
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
   * vectors.tokens; // Uint32Array [9, 13]
   * vectors.truncated; // [false, false]
   */
  embed(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;

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
   * //   offsets: [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]], truncated: false, unknown: 0 }
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
