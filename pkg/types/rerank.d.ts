// Arguments and results of `CoromReranker`, and its options of `load`.
import type { CallOptions, Decision, Info, ProgressOptions, Tokens } from "./calls.js";
import type { Vector } from "./embeddings.js";
import type { LoadOptions } from "./load.js";

/** Options of `CoromReranker.load`: those of `Corom.load` that do not concern vectors, and `pairCache`. */
export interface RerankerLoadOptions extends Omit<LoadOptions, "pooling" | "ignoreHead" | "normalize" | "queryCache"> {
  /**
   * Maximum number of pairs in the pair cache. It keeps the scores of recent pairs of a query and a document, up to 1024
   * UTF-16 code units long together. 0: no pair cache. Default: 2048.
   */
  pairCache?: number | null | undefined;
}

/** The properties of `Info` that a model without vectors does not have. */
type VectorInfo = "dimension" | "pooling" | "normalize" | "metric" | "prompts" | "defaultPromptName";

/** Properties of a loaded reranker. The object is frozen; the getters `wasmMemory` and `kernel` return current values. */
export interface RerankerInfo extends Omit<Info, VectorInfo> {
  /** Number of labels of the model: 1, or 2 of which the second means relevant. */
  readonly labels: number;
  /** Maximum length of a pair in tokens, special tokens included. The longer text of a longer pair is truncated. */
  readonly maxLength: number;
  /** The settings that decide the scores, each with the file that decided it. */
  readonly settings: readonly Decision[];
}

/** One result of `rerank`. */
export interface Reranked {
  /** Index of the document in the list that was given. */
  readonly index: number;
  /** The probability that the document fits the query, from 0 to 1: the sigmoid of the logit. */
  readonly score: number;
  /** The model's logit, by which results are sorted. Large logits differ where their probabilities are equal. */
  readonly logit: number;
  /** The document itself. */
  readonly text: string;
}

/** A document that has no score yet, or that the time budget did not reach. */
export interface NotReranked {
  readonly index: number;
  readonly score?: undefined;
  readonly logit?: undefined;
  readonly text: string;
}

/** The progress of a call of `rerank`. */
export interface RerankProgress {
  /** Number of documents with a score. */
  readonly done: number;
  /** Number of all documents. */
  readonly total: number;
}

/** Options of `rerank`. */
export interface RerankOptions extends CallOptions, ProgressOptions {
  /** Maximum number of results: a whole number of at least 0, or `Infinity`. Default: all documents. */
  topK?: number | null | undefined;
  /**
   * Milliseconds from the call on, waiting in the queue included, after which no more pairs are scored: a number of at
   * least 0, or `Infinity`. Documents that were not reached keep their order below those with a score, without `score`
   * and `logit`. The first 5 pairs are always scored. Default: all pairs are scored.
   */
  budgetMs?: number | null | undefined;
  /**
   * Called with the documents in their new order while the call runs: first when 5 pairs are scored, then after each
   * portion of more pairs, the last one included. Documents without a score follow those with one, in their own order;
   * `topK` limits this list too. If it throws, the call is rejected with that error. Default: no partial results.
   */
  onPartial?: ((results: (Reranked | NotReranked)[], progress: RerankProgress) => void) | null | undefined;
}

/** The tokens of a pair of texts. Offsets are those of the text that the token belongs to. */
export interface PairTokens extends Tokens {
  /** 0 for the query and its special tokens, 1 for the document and the last `[SEP]`. */
  readonly typeIds: number[];
}

/** The calls of `CoromReranker`, the same in the class of `corom` and in that of `corom/worker`. */
export interface RerankerCalls {
  /**
   * Sorts the documents by how well they fit the query, best first. Documents with equal logits keep their order. Pairs
   * that were scored recently come from the pair cache.
   *
   * @example
   * const documents = ["不锈钢保温杯", "阔腿牛仔裤女秋冬款"];
   * const [best] = await reranker.rerank("阔腿裤女冬牛仔", documents);
   * best.index; // 1
   *
   * @example
   * const found = await corom.rank(query, catalog, { topK: 20 });
   * const texts = found.map(({ index }) => titles[index]);
   * const results = await reranker.rerank(query, texts, {
   *   abortPrevious: true,
   *   budgetMs: 300,
   *   onPartial: (results, { done, total }) => show(results),
   * });
   * found[results[0].index].index; // the best title's index in the catalog
   */
  rerank(
    query: string,
    documents: readonly string[],
    options?: (RerankOptions & { budgetMs?: null | undefined }) | null,
  ): Promise<Reranked[]>;
  rerank(
    query: string,
    documents: readonly string[],
    options?: RerankOptions | null,
  ): Promise<(Reranked | NotReranked)[]>;

  /**
   * Returns the probability of each document that it fits the query, from 0 to 1, in the order of the documents.
   *
   * @example
   * await reranker.score("阔腿裤女冬牛仔", ["不锈钢保温杯", "阔腿牛仔裤女秋冬款"]); // Float32Array [0.03, 0.98]
   */
  score(
    query: string,
    documents: readonly string[],
    options?: (CallOptions & ProgressOptions) | null,
  ): Promise<Vector>;

  /**
   * Returns the tokens of a pair, as the model reads them.
   *
   * @example
   * await reranker.tokenize("阔腿裤", "裤");
   * // { ids: [101, 7333, 5597, 6175, 102, 6175, 102], typeIds: [0, 0, 0, 0, 0, 1, 1], truncated: false, … }
   */
  tokenize(query: string, document: string, options?: CallOptions | null): Promise<PairTokens>;
}
