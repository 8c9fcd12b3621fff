// Types of the npm package `corom`, the same for every entry point.
import type {
  CallOptions,
  Documents,
  EmbedIterableOptions,
  EmbedOptions,
  Info,
  KeepOptions,
  KeptVectors,
  Query,
  RankOptions,
  Ranked,
  RankedText,
  ScoreOptions,
  Tokens,
} from "./types/calls.js";
import type { TextEmbeddings, Vector } from "./types/embeddings.js";
import type { LoadOptions, ModelCache, Source } from "./types/load.js";

export * from "./types/calls.js";
export * from "./types/embeddings.js";
export * from "./types/errors.js";
export * from "./types/load.js";
export * from "./types/progress.js";
export * from "./types/quality.js";

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
  static load(source: Source, options?: LoadOptions | null): Promise<Corom>;

  /** The downloads that are cached on this device. */
  static readonly cache: ModelCache;

  /** Properties of the model. */
  readonly info: Info;

  /**
   * Returns the vector of a text. An empty text is embedded like any other text. `tokenize` says whether the text is cut.
   *
   * @example
   * await corom.embed("阔腿裤女冬牛仔"); // Float32Array(512) [0.07, -0.48, -0.30, …]
   */
  embed(text: string, options?: EmbedOptions | null): Promise<Vector>;

  /**
   * Returns the vectors of a list of texts, at most 4 GiB of them, with a report per text. An empty list gives 0 rows.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤女冬牛仔", "阔腿裤男大码高腰宽松。"]);
   * vectors.rows; // 2
   * vectors.row(0); // Float32Array(512) [0.07, -0.48, -0.30, …]
   * vectors.tokens; // Uint32Array [9, 13]
   * vectors.truncated; // [false, false]
   */
  embed(texts: readonly string[], options?: EmbedOptions | null): Promise<TextEmbeddings>;

  /** Returns the vector of a text, or the vectors of a list of texts. */
  embed(texts: string | readonly string[], options?: EmbedOptions | null): Promise<Vector | TextEmbeddings>;

  /**
   * Embeds the texts of any other iterable in batches, for lists of any length in constant memory. Each batch is a call
   * of its own, so that other calls run between two batches. What the iterable throws ends the iteration.
   *
   * @example
   * async function* titles() {
   *   for (const title of ["阔腿裤", "牛仔裤", "手机"]) yield title;
   * }
   * for await (const vectors of corom.embed(titles(), { batchSize: 2 })) vectors.rows; // 2, then 1
   */
  embed(
    texts: AsyncIterable<string> | (Iterable<string> & { readonly length?: undefined }),
    options?: EmbedIterableOptions | null,
  ): AsyncIterableIterator<TextEmbeddings>;

  /**
   * Compares the query with each document. Returns one number per document, in the order of the documents. A larger
   * score is better: for the metrics `l2` and `l1` it is the negative distance.
   *
   * Vectors that you have are not computed again: pass them as the query or as the documents. Do not change them while
   * the call is pending.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.score("阔腿裤女冬牛仔", documents, { metric: "cosine" }); // Float32Array [0.81, 0.90]
   */
  score(query: Query, documents: Documents | KeptVectors, options?: ScoreOptions | null): Promise<Vector>;

  /**
   * Sorts the documents by their score with the query, best first. Documents with equal scores keep their order.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.rank("阔腿裤女冬牛仔", documents, { metric: "cosine", topK: 1 });
   * // [{ index: 1, score: 0.90, text: "阔腿牛仔裤女秋冬款潮流百搭宽松。" }]
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"]); // once
   * await corom.rank("阔腿裤女冬牛仔", vectors, { metric: "cosine", topK: 1 }); // [{ index: 1, score: 0.90 }]
   */
  rank(query: Query, documents: readonly string[], options?: RankOptions | null): Promise<RankedText[]>;
  rank(query: Query, documents: Documents | KeptVectors, options?: RankOptions | null): Promise<Ranked[]>;

  /**
   * Keeps the vectors of documents with the model, so that `score` and `rank` do not copy them at each call. Texts are
   * embedded after the model's prompt for documents. Call `free()` of the result when it is not needed any more; a
   * worker keeps a copy and loads it again after a restart.
   *
   * @example
   * const kept = await corom.keep(["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"]);
   * await corom.rank("阔腿裤女冬牛仔", kept, { metric: "cosine", topK: 1 }); // [{ index: 1, score: 0.90 }]
   * kept.free();
   */
  keep(documents: Documents, options?: KeepOptions | null): Promise<KeptVectors>;

  /**
   * Returns the tokens of a text, as the model reads them.
   *
   * @example
   * await corom.tokenize("阔腿裤");
   * // { ids: [101, 7333, 5597, 6175, 102], tokens: ["[CLS]", "阔", "腿", "裤", "[SEP]"],
   * //   offsets: [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]], truncated: false, unknown: 0 }
   */
  tokenize(text: string, options?: CallOptions | null): Promise<Tokens>;

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
