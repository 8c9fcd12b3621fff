// Entry `corom/ai`: a loaded model or catalog in the shapes of LangChain.js, the Vercel AI SDK and Orama. None of them is a
// dependency of this package.
export { embeddingModel } from "./lib/ai/embedding-model.js";
export { langchainEmbeddings, langchainRetriever } from "./lib/ai/langchain.js";
export { oramaPlugin } from "./lib/ai/orama.js";
