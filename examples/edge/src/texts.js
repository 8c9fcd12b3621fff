// Checks the texts of a request: strings, not too many, none too long for the model.
import { HttpError } from "./http-error.js";

/** Returns the list of strings in a field that contains a string or a list of strings. */
export function checkTexts(value, param, { maxTexts }) {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || !list.every((text) => typeof text === "string")) {
    const tokens = Array.isArray(list) && list.flat().some((item) => typeof item === "number");
    const hint = tokens ? ", not token ids" : "";
    throw new HttpError(422, "invalid_type", `${param}: expected a string or a list of strings${hint}`, { param });
  }
  if (list.length === 0) {
    throw new HttpError(400, "empty", `${param}: got an empty list; expected at least one text`, { param });
  }
  if (list.length > maxTexts) {
    throw new HttpError(413, "too_many", `${param}: got ${list.length} texts; expected at most ${maxTexts}`, { param });
  }
  return list;
}

/** Returns the total number of tokens. Throws 413 if a text would be truncated and `mayTruncate` is false. */
export function countTokens(corom, texts, param, mayTruncate) {
  let count = 0;
  for (const text of texts) {
    const { ids, truncated } = corom.tokenize(text);
    if (truncated && !mayTruncate) {
      const { maxLength } = corom.info;
      const message = `${param}: a text is too long; this model supports at most ${maxLength} tokens`;
      throw new HttpError(413, "too_long", message, { param });
    }
    count += ids.length;
  }
  return count;
}

/** Returns an optional field after checking its type. `fallback` is its default. */
export function optional(value, param, type, fallback) {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== type) throw new HttpError(422, "invalid_type", `${param}: expected a ${type}`, { param });
  return value;
}
