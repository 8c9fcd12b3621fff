// POST /embed, POST /rerank and GET /info, with the request and response formats of text-embeddings-inference.
import { modelInfo, withModel, withReranker } from "./model.js";
import { HttpError } from "./http-error.js";
import { checkTexts, optional, rejectTruncated, rejectTruncatedPairs } from "./texts.js";

/** Answers /embed: one vector per text. */
export async function embed({ body, env, settings, signal }) {
  const texts = checkTexts(body.inputs, "inputs", settings);
  const normalize = optional(body.normalize, "normalize", "boolean", true);
  const mayTruncate = optional(body.truncate, "truncate", "boolean", settings.autoTruncate);
  return withModel({ env, settings, signal }, async (corom, signal) => {
    if (!mayTruncate) await rejectTruncated(corom, texts, "inputs", signal);
    const rows = await corom.embed(texts, { signal });
    return Response.json(Array.from(rows, (row) => Array.from(normalize ? toUnitLength(row) : row)));
  });
}

/**
 * Answers /rerank: scores, higher is better, best first. With RERANKER_PATH they are the probabilities of the reranker, or
 * its logits with `raw_scores`; otherwise those of the embedder.
 */
export async function rerank({ body, env, settings, signal }) {
  const query = body.query;
  if (typeof query !== "string") {
    throw new HttpError(422, "invalid_type", "query: expected a string", { param: "query" });
  }
  if (!Array.isArray(body.texts)) {
    throw new HttpError(422, "invalid_type", "texts: expected a list of strings", { param: "texts" });
  }
  checkTexts(query, "query", settings);
  const texts = checkTexts(body.texts, "texts", settings);
  const raw = optional(body.raw_scores, "raw_scores", "boolean", false);
  const withText = optional(body.return_text, "return_text", "boolean", false);
  const mayTruncate = optional(body.truncate, "truncate", "boolean", settings.autoTruncate);
  const rank = settings.rerankerPath === "" ? rankByVectors : rankByPairs;
  const ranked = await rank({ env, settings, signal }, { query, texts, raw, mayTruncate });
  return Response.json(ranked.map(({ index, score }) => ({ index, score, ...(withText && { text: texts[index] }) })));
}

/** Returns `[{ index, score }]`, best first, by the reranker. */
async function rankByPairs(request, { query, texts, raw, mayTruncate }) {
  return withReranker(request, async (reranker, signal) => {
    if (!mayTruncate) await rejectTruncatedPairs(reranker, query, texts, signal);
    const ranked = await reranker.rerank(query, texts, { signal });
    return ranked.map(({ index, score, logit }) => ({ index, score: raw ? logit : score }));
  });
}

/** Returns `[{ index, score }]`, best first, by the embedder. With `raw`, scores are those of METRIC. */
async function rankByVectors(request, { query, texts, raw, mayTruncate }) {
  const { metric } = request.settings;
  return withModel(request, async (corom, signal) => {
    if (!mayTruncate) {
      await rejectTruncated(corom, [query], "query", signal);
      await rejectTruncated(corom, texts, "texts", signal);
    }
    const ranked = await corom.rank(query, texts, { metric, signal });
    const scores = ranked.map(({ score }) => score);
    const shown = raw ? scores : toUnitInterval(scores, metric);
    return ranked.map(({ index }, i) => ({ index, score: shown[i] }));
  });
}

/** Answers /info: properties of the model and of the service. */
export async function info({ env, settings }) {
  const { dtype, pooling, maxLength, dimension, version, wasmMemory } = await modelInfo({ env, settings });
  return Response.json({
    model_id: settings.modelName,
    model_dtype: dtype,
    model_type: { embedding: { pooling } },
    dimension,
    reranker: settings.rerankerPath || null,
    max_input_length: maxLength,
    max_client_batch_size: settings.maxTexts,
    auto_truncate: settings.autoTruncate,
    version,
    wasm_memory: wasmMemory,
  });
}

/**
 * Converts scores, best first, to numbers from 0 to 1 in the same order. Inner products are converted by softmax, which
 * CoROM was trained with. Cosines are mapped linearly from [-1, 1].
 */
function toUnitInterval(scores, metric) {
  if (metric === "cosine") return scores.map((score) => (1 + Math.max(-1, Math.min(1, score))) / 2);
  const parts = scores.map((score) => Math.exp(score - scores[0]));
  const sum = parts.reduce((total, part) => total + part, 0);
  return parts.map((part) => part / sum);
}

/** Scales a vector to length 1. A vector of zeros stays zero. */
function toUnitLength(row) {
  const length = Math.hypot(...row);
  return length > 0 ? row.map((value) => value / length) : row;
}
