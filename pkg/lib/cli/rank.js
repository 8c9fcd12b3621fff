// `corom rank`.
import { printBest } from "./best.js";
import { loadModel } from "./model.js";
import { standIn } from "./nano.js";

/** Ranks the texts of a file by their vectors. */
export async function run({ positionals: [query, input], values }, signal) {
  const { metric, model = standIn("--model") } = values;
  await printBest(input, { ...values, model }, signal, {
    load: loadModel,
    best: (corom, texts, options) => corom.rank(query, texts, { ...options, metric }),
    valueOf: ({ score }) => score,
  });
}
