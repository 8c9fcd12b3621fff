// LangChain.js: embeddings and a retriever. https://docs.langchain.com/oss/javascript/integrations/embeddings
import { ofType, text, texts, unexpected } from "../arguments.js";
import { readOptions } from "../option-names.js";
import { arraysOf, loadedModel } from "./loaded.js";

/** Returns an object with the methods of LangChain's `EmbeddingsInterface`, for its vector stores. */
export function langchainEmbeddings(corom, given) {
  loadedModel(corom);
  const { queryPrompt, documentPrompt } = readOptions(given, ["queryPrompt", "documentPrompt"], { call: "langchainEmbeddings" });
  return {
    async embedQuery(query) {
      return Array.from(await corom.embed(text(query, "query"), { prompt: queryPrompt }));
    },
    async embedDocuments(documents) {
      return arraysOf(corom, texts(documents, "documents"), { prompt: documentPrompt });
    },
  };
}

/**
 * Returns a retriever over a catalog. `BaseRetriever` is the class of `@langchain/core/retrievers`: so the retriever is a
 * Runnable of the caller's copy of LangChain.
 */
export function langchainRetriever(BaseRetriever, catalog, given) {
  if (typeof BaseRetriever !== "function") {
    throw unexpected("BaseRetriever", BaseRetriever, "the class of @langchain/core/retrievers");
  }
  if (typeof catalog?.search !== "function") throw unexpected("catalog", catalog, "a Catalog of corom/search");
  const { search, pageContent = fieldsOf, ...fields } = readOptions(
    given,
    ["search", "pageContent", "callbacks", "tags", "metadata", "verbose"],
    { call: "langchainRetriever" },
  );
  ofType(pageContent, "pageContent", "function");
  class CatalogRetriever extends BaseRetriever {
    lc_namespace = ["corom", "retrievers"];

    async _getRelevantDocuments(query) {
      const { hits } = await catalog.search(query, search);
      return hits.map((hit) => ({ id: hit.id, pageContent: pageContent(hit), metadata: metadataOf(hit) }));
    }
  }
  return new CatalogRetriever(fields);
}

const fieldsOf = ({ fields }) => Object.values(fields).filter(Boolean).join("\n");

function metadataOf({ id, score, fields, attributes, stored }) {
  const others = stored !== null && typeof stored === "object" && !Array.isArray(stored) ? stored : {};
  return { ...others, ...attributes, ...fields, id, score };
}
