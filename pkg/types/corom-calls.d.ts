// The calls of `Corom`.
import type {
  CallOptions,
  Documents,
  EmbedIterableOptions,
  EmbedOptions,
  KeepOptions,
  KeptVectors,
  Query,
  RankOptions,
  Ranked,
  RankedText,
  ScoreOptions,
  TextStream,
  Tokens,
} from "./calls.js";
import type { TextEmbeddings, Vector } from "./embeddings.js";

/** The calls of `Corom`, the same in the class of `corom` and in that of `corom/worker`. */
export interface CoromCalls {
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
   * Embeds the texts of any other iterable, or of a `ReadableStream`, in batches, for lists of any length in constant memory. Each batch is a call
   * of its own, so that other calls run between two batches. What the iterable throws ends the iteration.
   *
   * @example
   * async function* titles() {
   *   for (const title of ["阔腿裤", "牛仔裤", "手机"]) yield title;
   * }
   * for await (const vectors of corom.embed(titles(), { batchSize: 2 })) vectors.rows; // 2, then 1
   */
  embed(
    texts: AsyncIterable<string> | TextStream | (Iterable<string> & { readonly length?: undefined }),
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
   * embedded after the model's prompt for documents. Call `free()` of the result when it is not needed any more.
   * With a worker, the page keeps a copy too, and sends it to a worker that was replaced.
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
}
