// Checks the options of `corom/search`, and makes the request that the search in Rust reads.
import { checkSignal, ofType, oneOf, optional, readArgument, text, texts, unexpected, wholeNumber } from "../arguments.js";
import { invalid } from "../errors.js";
import { DEFAULT_RETRIES, DEFAULT_STALL_TIMEOUT_MS } from "../load-options.js";
import { readOptions } from "../option-names.js";

const LOAD_OPTIONS = ["wasm", "fetch", "retries", "stallTimeout", "signal", "onProgress"];

/** Checks the options of `Catalog.load`. */
export function catalogLoadOptions(value) {
  const given = readOptions(value, LOAD_OPTIONS, { call: "Catalog.load" });
  optional(given.signal, checkSignal);
  return {
    signal: given.signal,
    onProgress: optional(given.onProgress, (f) => ofType(f, "onProgress", "function")),
    wasm: given.wasm,
    fetch: optional(given.fetch, (f) => ofType(f, "fetch", "function")),
    retries: wholeNumber(given.retries ?? DEFAULT_RETRIES, "retries", 0),
    stallTimeoutMs:
      given.stallTimeout === Infinity
        ? Infinity
        : wholeNumber(given.stallTimeout ?? DEFAULT_STALL_TIMEOUT_MS, "stallTimeout", 1),
  };
}

const MODES = ["auto", "keyword", "semantic", "hybrid"];
const share = (value, name) => {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw unexpected(name, value, "a number from 0 to 1");
};
const flag = (value, name) => ofType(value, name, "boolean");
const finite = (value, name) => {
  if (Number.isFinite(value)) return value;
  throw unexpected(name, value, "a finite number");
};

/** How each option of a search becomes a field of the request. */
const REQUEST = {
  mode: (value, name) => oneOf(value, name, MODES),
  matching: (value, name) => oneOf(value, name, ["most", "all", "any"]),
  prefix: flag,
  filter: filterOf,
  facets: (value, name) => listOf(value, name, facetOf),
  sort: (value, name) => listOf(Array.isArray(value) ? value : [value], name, sortOf),
  topK: (value, name) => wholeNumber(value, name, 0),
  offset: (value, name) => wholeNumber(value, name, 0),
  boost: boostOf,
  pinned: texts,
  distinct: text,
  fusion: (value, name) => oneOf(value, name, ["weighted", "rrf"]),
  semanticRatio: share,
  semanticThreshold: finite,
  collapse: share,
  diversity: share,
  exact: flag,
  explain: flag,
  highlight: flag,
};

const CALL_OPTIONS = ["vector", "signal", "abortPrevious"];
/** Names that other libraries have for these options. */
const HINTS = {
  limit: "the number of hits is topK",
  where: "conditions are the option filter",
  hitsPerPage: "the number of hits is topK",
  sortBy: "the order is the option sort",
  distinctOn: "the attribute is the option distinct",
  hybridWeights: "the share of the semantic score is semanticRatio",
  similarity: "semantic hits are chosen by semanticThreshold",
  term: "the text is the first argument",
  q: "the text is the first argument",
};

/** Returns `{ request, vector, signal, abortPrevious }` of the options of `call`. */
export function searchOptions(value, call) {
  return readArgument("options", () => {
    const given = readOptions(value, [...Object.keys(REQUEST), ...CALL_OPTIONS], { call, hints: HINTS });
    const { vector, signal, abortPrevious } = given;
    optional(signal, checkSignal);
    optional(abortPrevious, (b) => flag(b, "abortPrevious"));
    const request = {};
    for (const [name, check] of Object.entries(REQUEST)) {
      if (given[name] !== undefined) request[name] = check(given[name], name);
    }
    return { request, vector, signal, abortPrevious };
  });
}

function listOf(value, name, one) {
  if (!Array.isArray(value)) throw unexpected(name, value, "an array");
  return Array.from(value, (item, i) => one(item, `${name}[${i}]`));
}

/** A facet is the name of an attribute, or `{ attribute, limit, ranges, disjunctive }`. */
function facetOf(value, name) {
  if (typeof value === "string") return { attribute: value };
  const names = ["attribute", "limit", "ranges", "disjunctive"];
  const { attribute, limit, ranges, disjunctive } = readOptions(value, names, { call: name, argument: name });
  const facet = { attribute: text(attribute, `${name}.attribute`) };
  if (limit !== undefined) facet.limit = wholeNumber(limit, `${name}.limit`, 0);
  if (ranges !== undefined) facet.ranges = listOf(ranges, `${name}.ranges`, finite);
  if (disjunctive !== undefined) facet.disjunctive = flag(disjunctive, `${name}.disjunctive`);
  return facet;
}

/** A key of the order is `"price"`, `"price:desc"`, or `{ attribute, descending }`. */
function sortOf(value, name) {
  if (typeof value === "string") {
    const [, attribute, direction] = /^(.*?)(:asc|:desc)?$/s.exec(value);
    return { attribute, descending: direction === ":desc" };
  }
  const { attribute, descending = false } = readOptions(value, ["attribute", "descending"], { call: name, argument: name });
  return { attribute: text(attribute, `${name}.attribute`), descending: flag(descending, `${name}.descending`) };
}

function boostOf(value, name) {
  if (Object.prototype.toString.call(value) !== "[object Object]") throw unexpected(name, value, "an object: { sales: 0.3 }");
  const given = Object.entries(value).filter(([, weight]) => weight !== undefined && weight !== null);
  return given.map(([attribute, weight]) => ({ attribute, weight: finite(weight, `${name}.${attribute}`) }));
}

/** Copies a filter as JSON. What JSON does not have would be lost in silence. */
function filterOf(value, name) {
  if (Object.prototype.toString.call(value) !== "[object Object]") throw unexpected(name, value, "an object");
  return copied(value, name, 0);
}

function copied(value, name, depth) {
  if (depth > 100) throw invalid(`${name}: nested too deep`);
  if (Array.isArray(value)) return Array.from(value, (item, i) => copied(item, `${name}[${i}]`, depth + 1));
  if (typeof value === "number") return finite(value, name);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (Object.prototype.toString.call(value) !== "[object Object]") {
    throw unexpected(name, value, "a string, a number, a boolean, an array or an object");
  }
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  // Own properties, whatever their name is, and "__proto__" too.
  return Object.fromEntries(given.map(([key, item]) => [key, copied(item, `${name}.${key}`, depth + 1)]));
}
