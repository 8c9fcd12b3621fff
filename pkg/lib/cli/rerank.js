// `corom rerank`.
import { printBest } from "./best.js";
import { assertModel, loadReranker } from "./model.js";

/** Ranks the texts of a file by a reranker's logits. */
export async function run({ positionals: [query, input], values }, signal) {
  assertModel(values);
  await printBest(input, values, signal, {
    load: loadReranker,
    best: (reranker, texts, options) => reranker.rerank(query, texts, options),
    valueOf: ({ logit }) => logit,
  });
}
