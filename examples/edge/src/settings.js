// Reads and checks the variables of wrangler.jsonc.
import { HttpError } from "./http-error.js";

/** Returns the settings. Throws `misconfigured` if a variable has an invalid value. */
export function readSettings(env) {
  return {
    modelPath: (env.MODEL_PATH ?? "model").replace(/^\/+|\/+$/g, ""),
    modelName: env.MODEL_NAME ?? "corom",
    precision: oneOf(env.PRECISION ?? "auto", "PRECISION", ["auto", "f32"]),
    metric: oneOf(env.METRIC ?? "dot", "METRIC", ["dot", "cosine"]),
    autoTruncate: oneOf(env.AUTO_TRUNCATE ?? "false", "AUTO_TRUNCATE", ["true", "false"]) === "true",
    maxBodyBytes: positiveInteger(env.MAX_BODY_BYTES ?? "1048576", "MAX_BODY_BYTES"),
    maxTexts: positiveInteger(env.MAX_TEXTS ?? "32", "MAX_TEXTS"),
    maxWaiting: positiveInteger(env.MAX_WAITING ?? "64", "MAX_WAITING"),
  };
}

function oneOf(value, name, allowed) {
  if (allowed.includes(value)) return value;
  throw misconfigured(`${name}: got ${JSON.stringify(value)}; expected one of ${allowed.join(", ")}`);
}

function positiveInteger(value, name) {
  if (/^[1-9]\d{0,9}$/.test(value)) return Number(value);
  throw misconfigured(`${name}: got ${JSON.stringify(value)}; expected a whole number from 1`);
}

/** Returns the error of a wrong configuration of the service. */
export const misconfigured = (message) => new HttpError(500, "misconfigured", message);
