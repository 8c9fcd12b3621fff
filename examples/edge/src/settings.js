// What the variables of wrangler.jsonc say, checked.
import { Refusal } from "./refusal.js";

export function settingsOf(env) {
  return {
    modelPath: (env.MODEL_PATH ?? "model").replace(/^\/+|\/+$/g, ""),
    modelName: env.MODEL_NAME ?? "corom",
    precision: oneOf(env.PRECISION ?? "auto", "PRECISION", ["auto", "f32"]),
    metric: oneOf(env.METRIC ?? "dot", "METRIC", ["dot", "cosine"]),
    autoTruncate: oneOf(env.AUTO_TRUNCATE ?? "false", "AUTO_TRUNCATE", ["true", "false"]) === "true",
    maxBodyBytes: wholeNumber(env.MAX_BODY_BYTES ?? "1048576", "MAX_BODY_BYTES"),
    maxTexts: wholeNumber(env.MAX_TEXTS ?? "32", "MAX_TEXTS"),
    maxWaiting: wholeNumber(env.MAX_WAITING ?? "64", "MAX_WAITING"),
  };
}

function oneOf(value, name, allowed) {
  if (allowed.includes(value)) return value;
  throw misconfigured(`${name} must be one of ${allowed.join(", ")}`);
}

function wholeNumber(value, name) {
  if (/^[1-9]\d{0,9}$/.test(value)) return Number(value);
  throw misconfigured(`${name} must be a whole number above 0`);
}

export const misconfigured = (message) => new Refusal(500, "misconfigured", message);
