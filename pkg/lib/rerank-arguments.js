// Checks the arguments of the calls of a loaded reranker, as call-arguments.js does for `Corom`.
import { ofType, optional, readArgument, text, texts, unexpected } from "./arguments.js";
import { callOptions, topK } from "./call-arguments.js";
import { RERANK_HINTS } from "./option-hints.js";

/** Checks the arguments of `rerank`. Returns `{ query, documents, topK, budgetMs, … }`. */
export function rerankArguments(query, documents, given) {
  return readArgument("an argument", () => {
    const options = rerankerOptions(given, "rerank", ["topK", "budgetMs", "onPartial", "onProgress"]);
    optional(options.onPartial, (f) => ofType(f, "onPartial", "function"));
    optional(options.budgetMs, budgetMs);
    return { ...options, topK: topK(options.topK), query: text(query, "query"), documents: documentTexts(documents) };
  });
}

/** Checks the arguments of `score`. */
export function scoreArguments(query, documents, given) {
  return readArgument("an argument", () => {
    const options = rerankerOptions(given, "score", ["onProgress"]);
    return { ...options, query: text(query, "query"), documents: documentTexts(documents) };
  });
}

/** Checks the arguments of `tokenize`. */
export function tokenizeArguments(query, document, given) {
  return readArgument("an argument", () => {
    const options = rerankerOptions(given, "tokenize", []);
    return { ...options, query: text(query, "query"), document: text(document, "document") };
  });
}

const rerankerOptions = (given, call, names) => callOptions(given, call, names, RERANK_HINTS);

function budgetMs(value) {
  if (typeof value !== "number" || !(value >= 0)) {
    throw unexpected("budgetMs", value, "milliseconds: a number of at least 0, or Infinity");
  }
}

function documentTexts(value) {
  const first = Array.isArray(value) ? value[0] : undefined;
  if (typeof first?.text === "string") {
    throw unexpected("documents[0]", first, "a string; pass documents.map(({ text }) => text)");
  }
  return texts(value, "documents");
}
