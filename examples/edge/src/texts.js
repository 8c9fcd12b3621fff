// Checks the texts of a request: strings, not too many, none too long for the model.
import { HttpError } from "./http-error.js";

/**
 * Returns the list of strings in a field that contains a string or a list of strings. Throws 413 if a text has more
 * than `maxTextBytes` bytes, before the model sees it: tokenizing a text takes time for each of its bytes.
 */
export function checkTexts(value, param, { maxTexts, maxTextBytes }) {
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
  if (list.some((text) => hasMoreBytes(text, maxTextBytes))) {
    const message = `${param}: a text is too long; this service accepts at most ${maxTextBytes} bytes of UTF-8 per text`;
    throw new HttpError(413, "too_long", message, { param });
  }
  return list;
}

/** Returns whether a text has more than `limit` bytes in UTF-8. A UTF-16 code unit has one to three. */
const hasMoreBytes = (text, limit) =>
  text.length > limit || (text.length * 3 > limit && new TextEncoder().encode(text).length > limit);

/** Throws 413 if the model would truncate a text. */
export async function rejectTruncated(corom, texts, param, signal) {
  for (const text of texts) {
    const { truncated } = await corom.tokenize(text, { signal });
    if (truncated) throw tooLong("a text is", param, corom.info);
  }
}

/** Throws 413 if the reranker would truncate the query with one of the texts. */
export async function rejectTruncatedPairs(reranker, query, texts, signal) {
  for (const text of texts) {
    const { truncated } = await reranker.tokenize(query, text, { signal });
    if (truncated) throw tooLong("the query and a text together are", "texts", reranker.info);
  }
}

const tooLong = (what, param, { maxLength }) =>
  new HttpError(413, "too_long", `${param}: ${what} too long; this model supports at most ${maxLength} tokens`, { param });

/** Returns an optional field after checking its type. `fallback` is its default. */
export function optional(value, param, type, fallback) {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== type) throw new HttpError(422, "invalid_type", `${param}: expected a ${type}`, { param });
  return value;
}
