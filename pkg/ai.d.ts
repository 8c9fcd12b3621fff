// Types of `corom/ai`: a loaded model or catalog in the shapes of LangChain.js, the Vercel AI SDK and Orama.
import type { Corom, Prompt } from "./index.js";
import type { Catalog, Hit, SearchOptions } from "./search.js";

/** A loaded model of `corom`, `corom/worker` or `corom/inline`. */
export type LoadedModel = Pick<Corom, "embed" | "info">;

export interface EmbeddingModelOptions {
  /** The model's name in the SDK's logs. Default: `"corom"`. */
  modelId?: string | null | undefined;
  /** The version of the SDK's interface: `v2` for ai 5, `v3` for ai 6, `v4` for ai 7. Default: `"v4"`. */
  specification?: "v2" | "v3" | "v4" | null | undefined;
  /** The text before each text. Default: the model's default prompt, or none. */
  prompt?: Prompt | null | undefined;
}

/** An embedding model of the Vercel AI SDK. */
export interface AiEmbeddingModel<Specification extends string = "v4"> {
  readonly specificationVersion: Specification;
  readonly provider: string;
  readonly modelId: string;
  readonly maxEmbeddingsPerCall: number;
  readonly supportsParallelCalls: boolean;
  doEmbed(options: { values: string[]; abortSignal?: AbortSignal }): Promise<{ embeddings: number[][]; warnings: never[] }>;
}

/**
 * Returns a model for `embed` and `embedMany` of the package `ai`.
 *
 * @throws {@link CoromError} `INVALID_ARGUMENT` for wrong options.
 *
 * @example
 * import { embedMany } from "ai";
 * import { embeddingModel } from "corom/ai";
 * const { embeddings } = await embedMany({ model: embeddingModel(corom), values: ["阔腿裤", "牛仔裤"] });
 */
export function embeddingModel<Specification extends "v2" | "v3" | "v4" = "v4">(
  corom: LoadedModel,
  options?: (EmbeddingModelOptions & { specification?: Specification | null | undefined }) | null,
): AiEmbeddingModel<Specification>;

export interface LangchainEmbeddingsOptions {
  /** The text before a query. Default: the model's default prompt, or none. */
  queryPrompt?: Prompt | null | undefined;
  /** The text before each document. Default: the model's default prompt, or none. */
  documentPrompt?: Prompt | null | undefined;
}

/** LangChain's `EmbeddingsInterface`. */
export interface LangchainEmbeddings {
  embedQuery(query: string): Promise<number[]>;
  embedDocuments(documents: string[]): Promise<number[][]>;
}

/**
 * Returns embeddings for LangChain's vector stores.
 *
 * @throws {@link CoromError} `INVALID_ARGUMENT` for wrong options.
 */
export function langchainEmbeddings(corom: LoadedModel, options?: LangchainEmbeddingsOptions | null): LangchainEmbeddings;

export interface LangchainRetrieverOptions {
  /** Options of `Catalog.search`, such as `topK` and `filter`. */
  search?: SearchOptions | null | undefined;
  /** Returns the text of a document. Default: the fields of the hit, a line each. */
  pageContent?: ((hit: Hit) => string) | null | undefined;
  /** Options of LangChain's retrievers. */
  callbacks?: unknown;
  tags?: string[] | null | undefined;
  metadata?: Record<string, unknown> | null | undefined;
  verbose?: boolean | null | undefined;
}

/**
 * Returns a LangChain retriever over a catalog: its documents are the hits. Their metadata have the hit's fields,
 * attributes, stored values, `id` and `score`.
 *
 * @throws {@link CoromError} `INVALID_ARGUMENT` for wrong options.
 *
 * @example
 * import { BaseRetriever } from "@langchain/core/retrievers";
 * import { langchainRetriever } from "corom/ai";
 * const retriever = langchainRetriever(BaseRetriever, catalog, { search: { topK: 5 } });
 * const documents = await retriever.invoke("阔腿裤");
 */
export function langchainRetriever<Retriever>(
  BaseRetriever: abstract new (fields?: any) => Retriever,
  catalog: Pick<Catalog, "search">,
  options?: LangchainRetrieverOptions | null,
): Retriever;

export interface OramaPluginOptions {
  /** Returns the text of a document. */
  text: (document: any) => string;
  /** The property of the vectors; the schema has it as `vector[dimension]`. Default: `"embedding"`. */
  property?: string | null | undefined;
  /** The text before each document. Default: the model's default prompt, or none. */
  prompt?: Prompt | null | undefined;
  /** The text before a query. Default: the model's default prompt, or none. */
  queryPrompt?: Prompt | null | undefined;
}

/**
 * Returns a plugin of Orama. It embeds documents when they are inserted, and the term of searches of the modes `vector`
 * and `hybrid`. It sets `similarity` to 0 unless the search has one: Orama's default of 0.8 drops hits.
 *
 * @throws {@link CoromError} `INVALID_ARGUMENT` for wrong options, or a schema whose vector has another dimension.
 *
 * @example
 * import { create } from "@orama/orama";
 * import { oramaPlugin } from "corom/ai";
 * const plugin = oramaPlugin(corom, { text: ({ title }) => title });
 * const db = create({ schema: { title: "string", embedding: "vector[768]" }, plugins: [plugin] });
 */
export function oramaPlugin(corom: LoadedModel, options: OramaPluginOptions): {
  name: string;
  afterCreate(orama: any): void;
  beforeInsert(orama: any, id: string, document: any): Promise<void>;
  beforeInsertMultiple(orama: any, documents: any[]): Promise<void>;
  beforeSearch(orama: any, params: any): Promise<void>;
};
