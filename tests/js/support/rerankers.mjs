// The cross-encoders in tests/fixtures/rerankers: exports with generated weights, and one that is trained on made-up pairs.
import path from "node:path";
import { convert } from "corom/convert";
import { generatedFiles } from "./generated.mjs";
import { FIXTURES, golden } from "./paths.mjs";

export const TRAINED = path.join(FIXTURES, "rerankers/trained");

/** Returns the files of an export in memory, by path. */
export const rerankerFiles = (name) => generatedFiles(name, "rerankers");

/** Returns the files of the trained model, converted, by path. */
export async function trainedFiles(dtype) {
  const { files } = await convert(TRAINED, { dtype });
  return files;
}

/** Returns `{ max_length, pairs }` of a model: each pair has its texts, the ids and types of transformers, and `logit`. */
export function rerankerGolden(name) {
  const { max_length, pairs } = golden(name, "rerankers");
  const logitOf = ([first, second]) => (second === undefined ? first : second - first);
  return { max_length, pairs: pairs.map((pair) => ({ ...pair, logit: logitOf(pair.logits) })) };
}

export const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));
