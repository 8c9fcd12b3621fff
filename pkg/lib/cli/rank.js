// `corom rank`.
import { printBest } from "./best.js";
import { loadModel } from "./model.js";

/** Ranks the texts of a file by their vectors. */
export async function run({ positionals: [query, input], values }, signal) {
  const { metric } = values;
  await printBest(input, values, signal, {
    load: loadModel,
    best: (corom, texts, options) => corom.rank(query, texts, { ...options, metric }),
    valueOf: ({ score }) => score,
  });
}
