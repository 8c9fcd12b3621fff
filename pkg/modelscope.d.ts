// Types of `corom/modelscope`: ModelScope's pipelines, with its names.
import type { CallOptions, ProgressOptions, TextEmbeddings, Vector, VectorLike } from "./index.js";

/** Input of the pipeline, with ModelScope's keys. A string is a list of one sentence. */
export interface PipelineInput {
  /** The source sentences; at least one. */
  source_sentence: string | readonly string[];
  /** The sentences to compare with the first source sentence. Default: none. */
  sentences_to_compare?: string | readonly string[] | null | undefined;
}

/** Output of the pipeline, with ModelScope's keys. */
export interface PipelineOutput {
  /** One vector per sentence: first the source sentences, then the sentences to compare. */
  text_embedding: Vector[];
  /** Inner products of the first source sentence with every other sentence. */
  scores: number[];
}

export interface PipelineOptions extends CallOptions, ProgressOptions {
  /**
   * The ModelScope release whose `scores` are returned. The two releases differ only if `sentences_to_compare` is
   * empty.
   *
   * - `1.2`: the scores of the first source sentence with the other source sentences, as on the model card.
   * - `latest`: no scores, as in later releases.
   *
   * Default: `1.2`.
   */
  modelscopeVersion?: "1.2" | "latest" | null | undefined;
}

/** A loaded instance of `corom`, `corom/worker` or `corom/inline`. */
export interface Embedder {
  embed(texts: readonly string[], options?: (CallOptions & ProgressOptions) | null): Promise<TextEmbeddings>;
  score(
    query: VectorLike,
    documents: readonly VectorLike[],
    options?: { metric?: "dot"; signal?: AbortSignal | null | undefined } | null,
  ): Promise<Vector>;
}

/**
 * Returns ModelScope's sentence-embedding pipeline of a loaded instance. It returns what ModelScope returns for the same
 * input: vectors, and the inner products of the first source sentence with every other sentence.
 *
 * @example
 * import { sentenceEmbedding } from "corom/modelscope";
 * const pipeline = sentenceEmbedding(corom);
 * const { text_embedding, scores } = await pipeline({
 *   source_sentence: "阔腿裤女冬牛仔",
 *   sentences_to_compare: ["阔腿牛仔裤女秋冬款潮流百搭宽松。", "阔腿裤男大码高腰宽松。"],
 * });
 * text_embedding.length; // 3
 * scores; // [277.0, 254.9]
 */
export function sentenceEmbedding(
  corom: Embedder,
): (input: PipelineInput, options?: PipelineOptions | null) => Promise<PipelineOutput>;

/** Input of the text-ranking pipeline, with ModelScope's keys. */
export interface RankingInput {
  /** The query: a string, or a list of one string. */
  source_sentence: string | readonly string[];
  /** The documents. A string is a list of one document; an empty list gives no scores. */
  sentences_to_compare: string | readonly string[];
}

/** Output of the text-ranking pipeline, with ModelScope's key. */
export interface RankingOutput {
  /** The probability of each document that it fits the query, from 0 to 1, in the order of the documents. */
  scores: number[];
}

/** A loaded instance of `CoromReranker` of `corom`, `corom/worker` or `corom/inline`. */
export interface Reranker {
  rerank(query: string, documents: readonly string[]): Promise<unknown>;
  score(
    query: string,
    documents: readonly string[],
    options?: (CallOptions & ProgressOptions) | null,
  ): Promise<Vector>;
}

/**
 * Returns ModelScope's text-ranking pipeline of a loaded reranker. It returns what ModelScope returns for the same input:
 * the sigmoid of each pair's logit.
 *
 * @example
 * import { textRanking } from "corom/modelscope";
 * const pipeline = textRanking(reranker);
 * const { scores } = await pipeline({
 *   source_sentence: ["阔腿裤女冬牛仔"],
 *   sentences_to_compare: ["阔腿牛仔裤女秋冬款潮流百搭宽松。", "阔腿裤男大码高腰宽松。"],
 * });
 * scores.length; // 2
 */
export function textRanking(
  reranker: Reranker,
): (input: RankingInput, options?: (CallOptions & ProgressOptions) | null) => Promise<RankingOutput>;
