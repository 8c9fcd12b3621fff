// POST /embed and /rerank, GET /info, in the shapes of text-embeddings-inference.
import { modelInfo, withModel } from "./model.js";
import { Refusal } from "./refusal.js";
import { countTokens, optional, textsOf } from "./texts.js";

export async function embed({ body, env, settings, signal }) {
  const texts = textsOf(body.inputs, "inputs", settings);
  const normalize = optional(body.normalize, "normalize", "boolean", true);
  const mayCut = optional(body.truncate, "truncate", "boolean", settings.autoTruncate);
  return withModel({ env, settings, signal }, async (corom, signal) => {
    countTokens(corom, texts, "inputs", mayCut);
    const rows = await corom.embed(texts, { signal });
    return Response.json(Array.from(rows, (row) => Array.from(normalize ? unit(row) : row)));
  });
}

/** By the embedder's scores: higher is better, best first. `raw_scores` are those of METRIC as they are. */
export async function rerank({ body, env, settings, signal }) {
  const query = body.query;
  if (typeof query !== "string") throw new Refusal(422, "invalid_type", "query must be a string", { param: "query" });
  if (!Array.isArray(body.texts)) {
    throw new Refusal(422, "invalid_type", "texts must be a list of strings", { param: "texts" });
  }
  const texts = textsOf(body.texts, "texts", settings);
  const raw = optional(body.raw_scores, "raw_scores", "boolean", false);
  const withText = optional(body.return_text, "return_text", "boolean", false);
  const mayCut = optional(body.truncate, "truncate", "boolean", settings.autoTruncate);
  const { metric } = settings;
  return withModel({ env, settings, signal }, async (corom, signal) => {
    countTokens(corom, [query], "query", mayCut);
    countTokens(corom, texts, "texts", mayCut);
    const ranked = await corom.rank(query, texts, { metric, signal });
    const scores = ranked.map(({ score }) => score);
    const shown = raw ? scores : between0And1(scores, metric);
    return Response.json(
      ranked.map(({ index, text }, i) => ({ index, score: shown[i], ...(withText && { text }) })),
    );
  });
}

export async function info({ env, settings }) {
  const { dtype, pooling, maxLength, dimension, version, wasmMemory } = await modelInfo({ env, settings });
  return Response.json({
    model_id: settings.modelName,
    model_dtype: dtype,
    model_type: { embedding: { pooling } },
    dimension,
    max_input_length: maxLength,
    max_client_batch_size: settings.maxTexts,
    auto_truncate: settings.autoTruncate,
    version,
    wasm_memory: wasmMemory,
  });
}

/**
 * Scores, best first, as numbers between 0 and 1 in the same order. Inner products become each text's share by softmax,
 * as CoROM was trained; cosines are moved.
 */
function between0And1(scores, metric) {
  if (metric === "cosine") return scores.map((score) => (1 + Math.max(-1, Math.min(1, score))) / 2);
  const parts = scores.map((score) => Math.exp(score - scores[0]));
  const sum = parts.reduce((total, part) => total + part, 0);
  return parts.map((part) => part / sum);
}

function unit(row) {
  const length = Math.hypot(...row);
  return length > 0 ? row.map((value) => value / length) : row;
}
