// `facetFilters` and `numericFilters`: lists whose conditions all hold; of an inner list one holds.
import { describeValue, unexpected } from "../arguments.js";
import { invalid } from "../errors.js";
import { attributeOf } from "./attributes.js";
import { equalTo, compared, between } from "./conditions.js";

/** Returns the conditions of `facetFilters`: `"shop:东店"`, `"shop:-东店"`. */
export function facetFilters(value, attributes) {
  return lists(value, "facetFilters", (one) => facetCondition(one, attributes));
}

/** Returns the conditions of `numericFilters`: `"price>=10"`, `"price:10 TO 20"`. */
export function numericFilters(value, attributes) {
  const list = typeof value === "string" ? value.split(",") : value;
  return lists(list, "numericFilters", (one) => numericCondition(one, attributes));
}

function lists(value, name, read) {
  if (value === undefined || value === null || value === "") return [];
  const outer = typeof value === "string" ? [value] : value;
  if (!Array.isArray(outer)) throw unexpected(`params.${name}`, value, "an array");
  return outer.flatMap((inner, i) => {
    if (typeof inner === "string") return [read(inner)];
    if (!Array.isArray(inner)) throw unexpected(`params.${name}[${i}]`, inner, "a string or an array of strings");
    if (inner.length === 0) return [];
    return [{ or: inner.map((one) => (typeof one === "string" ? read(one) : wrong(one, `params.${name}[${i}]`))) }];
  });
}

function wrong(value, name) {
  throw unexpected(name, value, "strings");
}

function facetCondition(one, attributes) {
  // A name may contain a colon.
  const found = attributes.filter(({ name }) => one.startsWith(`${name}:`)).sort((a, b) => b.name.length - a.name.length)[0];
  const attribute = found ?? attributeOf(one.split(":")[0], attributes, "facetFilters");
  const value = one.slice(attribute.name.length + 1);
  if (value.startsWith("\\-")) return equalTo(attribute, value.slice(1), "facetFilters");
  if (value.startsWith("-")) return { not: equalTo(attribute, value.slice(1), "facetFilters") };
  return equalTo(attribute, value, "facetFilters");
}

function numericCondition(one, attributes) {
  const [, range, low, high] = /^\s*(.+?)\s*:\s*(\S+)\s+TO\s+(\S+)\s*$/.exec(one) ?? [];
  if (range !== undefined) return between(attributeOf(range, attributes, "numericFilters"), low, high, "numericFilters");
  const [, name, operator, value] = /^\s*(.+?)\s*(<=|>=|!=|<|>|=)\s*(\S+)\s*$/.exec(one) ?? [];
  if (name === undefined) throw invalid(`params.numericFilters: got ${describeValue(one)}; expected "price>=10" or "price:10 TO 20"`);
  return compared(attributeOf(name, attributes, "numericFilters"), operator, value, "numericFilters");
}
