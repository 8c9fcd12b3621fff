// Reads and checks the variables of wrangler.jsonc.
import { HttpError } from "./http-error.js";

/**
 * Returns the settings. Throws `misconfigured` if a variable has an invalid value. A variable may be a string or another
 * JSON value, because wrangler.jsonc allows both.
 */
export function readSettings(env) {
  const { MODEL_PATH = "model", MODEL_NAME = "corom", QUALITY = "balanced", METRIC = "dot" } = env;
  const { AUTO_TRUNCATE = "false", CORS_ORIGINS = "", RERANKER_PATH = "", CATALOG_PATH = "" } = env;
  const { SEARCH_CACHE_CONTROL = "private, max-age=60" } = env;
  const { MAX_BODY_BYTES = "1048576", MAX_TEXT_BYTES = "32768", MAX_TEXTS = "32", MAX_WAITING = "64" } = env;
  return {
    modelPath: withoutSlashes(MODEL_PATH),
    rerankerPath: withoutSlashes(RERANKER_PATH),
    catalogPath: withoutSlashes(CATALOG_PATH),
    searchCacheControl: String(SEARCH_CACHE_CONTROL),
    modelName: String(MODEL_NAME),
    quality: oneOf(QUALITY, "QUALITY", ["balanced", "exact", "float"]),
    metric: oneOf(METRIC, "METRIC", ["dot", "cosine"]),
    autoTruncate: oneOf(AUTO_TRUNCATE, "AUTO_TRUNCATE", ["true", "false"]) === "true",
    corsOrigins: origins(CORS_ORIGINS),
    maxBodyBytes: positiveInteger(MAX_BODY_BYTES, "MAX_BODY_BYTES"),
    maxTextBytes: positiveInteger(MAX_TEXT_BYTES, "MAX_TEXT_BYTES"),
    maxTexts: positiveInteger(MAX_TEXTS, "MAX_TEXTS"),
    maxWaiting: positiveInteger(MAX_WAITING, "MAX_WAITING"),
  };
}

const withoutSlashes = (path) => String(path).replace(/^\/+|\/+$/g, "");

/** Returns the list of origins in CORS_ORIGINS, which are separated by commas. `*` alone means every origin. */
function origins(value) {
  const list = String(value).split(",").map((origin) => origin.trim()).filter(Boolean);
  if (list.length === 1 && list[0] === "*") return list;
  const wrong = list.find((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin);
  if (wrong === undefined) return list;
  const expected = 'origins such as "https://shop.example", separated by commas, or "*" alone';
  throw misconfigured(`CORS_ORIGINS: got ${JSON.stringify(wrong)}; expected ${expected}`);
}

function oneOf(value, name, allowed) {
  if (allowed.includes(String(value))) return String(value);
  throw misconfigured(`${name}: got ${JSON.stringify(value)}; expected one of ${allowed.join(", ")}`);
}

function positiveInteger(value, name) {
  if (/^[1-9]\d{0,9}$/.test(value)) return Number(value);
  throw misconfigured(`${name}: got ${JSON.stringify(value)}; expected a whole number from 1`);
}

/** Returns the error of a wrong configuration of the service. */
export const misconfigured = (message) => new HttpError(500, "misconfigured", message);
