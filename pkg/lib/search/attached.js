// The models of a catalog: one that embeds queries, and one that reranks hits.
import { unexpected } from "../arguments.js";
import { CoromError, invalid } from "../errors.js";
import { readOptions } from "../option-names.js";
import { promptOf } from "./prompts.js";

const HINTS = { model: "the model is the first argument", corom: "the model is the first argument" };

/**
 * Returns the models `{ embedder, prompt, reranker }` after a call of `attach`: `prompt` is the option of `embed` for
 * queries. `before` are those so far, `info` is that of the catalog.
 */
export function attachedModels(before, info, model, given) {
  const options = readOptions(given, ["prompt", "reranker"], { call: "attach", hints: HINTS });
  if (options.prompt !== undefined && typeof model?.embed !== "function") {
    throw invalid("prompt: it is that of queries, so the first argument has to be a model that embeds them");
  }
  if (model === undefined) throw unexpected("model", model, "a loaded model, a loaded reranker, or null");
  if (model === null) return { reranker: options.reranker && rerankerOf(options.reranker, "reranker") };
  if (typeof model.embed === "function") {
    const reranker = options.reranker === undefined ? before.reranker : rerankerOf(options.reranker, "reranker");
    const embedder = embedderOf(model, info);
    return { embedder, prompt: queryPrompt(options.prompt, model.info), reranker };
  }
  if (typeof model.rerank !== "function") throw unexpected("model", model, "a loaded model, a loaded reranker, or null");
  if (options.reranker !== undefined) throw invalid("reranker: the first argument is a reranker already");
  return { ...before, reranker: model };
}

/** Returns the prompt of queries: the one that was chosen, or else the model's own. `embed` checks it. */
function queryPrompt(given, info) {
  if (given === undefined) return promptOf(info, "query");
  if (typeof given !== "string" && typeof given !== "object") throw unexpected("prompt", given, "a string, { name } or { text }");
  return typeof given === "string" ? given : { ...given };
}

function rerankerOf(value, name) {
  if (typeof value?.rerank === "function") return value;
  throw unexpected(name, value, "a loaded reranker");
}

/** Checks that a model embeds into the space of the catalog's vectors. Returns it. */
export function embedderOf(model, { vectors }) {
  const dimension = model.info?.dimension;
  if (dimension === undefined) throw unexpected("model", model, "a loaded model, or null");
  if (vectors === null) throw invalid("attach: the catalog was built without vectors; build it with a model");
  const advice = "attach the model that the catalog was built with, or build the catalog again with this one";
  const mismatch = (found) => new CoromError("MODEL_MISMATCH", `attach: ${found}; ${advice}`);
  if (vectors.dimension !== dimension) {
    throw mismatch(`the model's vectors have ${dimension} dimensions, those of the catalog ${vectors.dimension}`);
  }
  // Weights of another type have the same lineage, and a distilled model returns its teacher's vectors. Folders of older
  // converters and of other tools have none.
  const { lineage, distilledFrom } = model.info;
  if (!lineage || !vectors.lineage || [lineage, distilledFrom].includes(vectors.lineage)) return model;
  throw mismatch(`the model's lineage is ${lineage}, that of the catalog ${vectors.lineage}`);
}
