// Conditions of Algolia's filters as those of `Catalog.search`.
import { invalid } from "../errors.js";

const OPERATORS = { "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "=": "eq" };

/** Returns the condition that an attribute has a value, which is a text in Algolia's filters. */
export function equalTo({ name, kind }, text, where) {
  return { [name]: { eq: valueOf(name, kind, text, where) } };
}

/** Returns the condition of a comparison. */
export function compared({ name, kind }, operator, text, where) {
  const value = numberOf(name, kind, text, where);
  return operator === "!=" ? { not: { [name]: { eq: value } } } : { [name]: { [OPERATORS[operator]]: value } };
}

/** Returns the condition of a range with both ends. */
export function between({ name, kind }, low, high, where) {
  return { [name]: { gte: numberOf(name, kind, low, where), lte: numberOf(name, kind, high, where) } };
}

function valueOf(name, kind, text, where) {
  if (kind === "number") return numberOf(name, kind, text, where);
  if (kind !== "boolean") return text;
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw invalid(`params.${where}: "${name}" is true or false, not "${text}"`);
}

function numberOf(name, kind, text, where) {
  if (kind !== "number") throw invalid(`params.${where}: "${name}" is no number attribute`);
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) throw invalid(`params.${where}: "${text}" is no number`);
  return number;
}
