// The texts of a request: strings, not too many, none too long for the model.
import { Refusal } from "./refusal.js";

/** A list of strings from a field that may hold one or many. */
export function textsOf(value, param, { maxTexts }) {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || !list.every((text) => typeof text === "string")) {
    const tokens = Array.isArray(list) && list.flat().some((item) => typeof item === "number");
    const hint = tokens ? "; lists of token ids are not taken, as every model has its own" : "";
    throw new Refusal(422, "invalid_type", `${param} must be a string or a list of strings${hint}`, { param });
  }
  if (list.length === 0) throw new Refusal(400, "empty", `${param} is empty`, { param });
  if (list.length > maxTexts) {
    throw new Refusal(413, "too_many", `${param} may have ${maxTexts} texts, and has ${list.length}`, { param });
  }
  return list;
}

/** How many tokens the model reads of all of them; texts that would be cut are refused, unless they may be. */
export function countTokens(corom, texts, param, mayCut) {
  let count = 0;
  for (const text of texts) {
    const { ids, truncated } = corom.tokenize(text);
    if (truncated && !mayCut) {
      const most = corom.info.maxLength;
      throw new Refusal(413, "too_long", `${param}: a text has more than the ${most} tokens that the model reads`, {
        param,
      });
    }
    count += ids.length;
  }
  return count;
}

/** An optional field of a type. */
export function optional(value, param, type, otherwise) {
  if (value === undefined || value === null) return otherwise;
  if (typeof value !== type) throw new Refusal(422, "invalid_type", `${param} must be a ${type}`, { param });
  return value;
}
