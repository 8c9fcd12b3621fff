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
