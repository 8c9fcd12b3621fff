// Checks the arguments of the calls of a catalog, and makes the request that the search in Rust reads.
import { checkSignal, ofType, oneOf, optional, readArgument, text, texts, unexpected, wholeNumber } from "../arguments.js";
import { Embeddings, isMatrix } from "../embeddings.js";
import { invalid } from "../errors.js";
import { readOptions } from "../option-names.js";
import { isVector, toFloat32 } from "../vectors.js";
import { rerankOption } from "./rerank.js";

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

/** Checks each option of a search, and makes its field of the request. */
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

/** Options of `search` about its text, which `similar` has not. */
const ABOUT_TEXT = ["mode", "matching", "prefix", "fusion", "semanticRatio", "highlight"];
const SIMILAR = Object.fromEntries(Object.entries(REQUEST).filter(([name]) => !ABOUT_TEXT.includes(name)));

const DEFAULT_SUGGESTIONS = 10;
/** The most characters of a query that are read. */
const MAX_QUERY_LENGTH = 4096;
/** Names that other libraries have for these options. */
const HINTS = {
  limit: "the number of hits is topK",
  where: "conditions are the option filter",
  hitsPerPage: "the number of hits is topK",
  sortBy: "the order is the option sort",
  distinctOn: "the attribute is the option distinct",
  hybridWeights: "the share of the semantic score is semanticRatio",
  similarity: "semantic hits are chosen by semanticThreshold",
  newestWins: "write abortPrevious",
  term: "the text is the first argument",
  q: "the text is the first argument",
};
const SIMILAR_HINTS = { ...HINTS, ...Object.fromEntries(ABOUT_TEXT.map((name) => [name, "it is about the text of a search"])) };

/** Checks the arguments of `search`. Returns `{ request, vector, rerank, signal, abortPrevious }`. */
export function searchArguments(query, value) {
  return readArgument("an argument", () => {
    const { vector, rerank, ...given } = callArguments(value, { call: "search", checks: REQUEST, more: ["vector", "rerank"], hints: HINTS });
    if (isVector(query) || isMatrix(query)) {
      if (vector !== undefined) throw invalid("vector: the query is a vector already");
      if (rerank) throw invalid("rerank: the query is a vector; a reranker reads its text: pass the text, and vector as an option");
      return { ...given, request: { ...given.request, query: "" }, vector: copyOf(query, "query") };
    }
    if (typeof query !== "string") throw unexpected("query", query, "a text, or a vector: a Float32Array, an array of numbers, or Embeddings of one row");
    given.request.query = beginning(query);
    return {
      ...given,
      vector: optional(vector, (numbers) => copyOf(numbers, "vector")),
      rerank: optional(rerank, (option) => rerankOption(option, "rerank")),
    };
  });
}

/** Returns a copy of a vector, or of the row of a matrix of one: the caller may change it while the search waits. */
function copyOf(numbers, name) {
  if (!isMatrix(numbers)) return toFloat32(numbers, name).slice();
  if (numbers.rows !== 1) throw unexpected(name, numbers, `a single vector; these are ${numbers.rows} rows`);
  return Embeddings.from(numbers).data.slice();
}

/** Returns the part of a query that is read. A megabyte of text would take seconds, and finds what its beginning finds. */
function beginning(query) {
  if (query.length <= MAX_QUERY_LENGTH) return query;
  const isSplit = /[\ud800-\udbff]/.test(query[MAX_QUERY_LENGTH - 1]);
  return query.slice(0, MAX_QUERY_LENGTH - (isSplit ? 1 : 0));
}

/** Returns a request as JSON. A lone surrogate in a text is read as U+FFFD, as everywhere in this package. */
export const requestJson = (request) =>
  JSON.stringify(request).replace(/\\(?:\\|u(d[89a-f][0-9a-f]{2}))/g, (match, lone) => (lone ? "\ufffd" : match));

/** Checks the arguments of `similar`. */
export function similarArguments(id, value) {
  return readArgument("an argument", () => ({ ...callArguments(value, { call: "similar", checks: SIMILAR, hints: SIMILAR_HINTS }), id: text(id, "id") }));
}

/** Checks the arguments of `suggest`. */
export function suggestArguments(prefix, value) {
  return readArgument("an argument", () => {
    const { limit = DEFAULT_SUGGESTIONS, signal } = readOptions(value, ["limit", "signal"], { call: "suggest" });
    optional(signal, checkSignal);
    return { prefix: text(prefix, "prefix"), limit: wholeNumber(limit, "limit", 0), signal };
  });
}

/** Checks the arguments of `item`. */
export function itemArguments(id, value) {
  return readArgument("an argument", () => ({ ...signalOf(value, "item"), id: text(id, "id") }));
}

/** Checks the options `k` and `seed`. */
export function numbersOfClusters({ k, seed, ...options }) {
  return { ...options, k: wholeNumber(k, "k", 1), seed: optional(seed, (seed) => wholeNumber(seed, "seed", 0)) ?? 0 };
}

/** Checks the options of `cluster`. */
export function clusterArguments(value) {
  return readArgument("options", () => {
    const options = readOptions(value, ["k", "seed", "signal"], { call: "cluster" });
    optional(options.signal, checkSignal);
    return numbersOfClusters(options);
  });
}

/** Checks the options of `project2d`. */
export const projectOptions = (value) => readArgument("options", () => signalOf(value, "project2d"));

/** Checks the options of `apply`. */
export const applyOptions = (value) => readArgument("options", () => signalOf(value, "apply"));

/** Checks the options of `update` and `storeRows`. */
export function transferOptions(value, call) {
  return readArgument("options", () => {
    const options = readOptions(value, ["signal", "onProgress"], { call });
    optional(options.signal, checkSignal);
    optional(options.onProgress, (f) => ofType(f, "onProgress", "function"));
    return options;
  });
}

function signalOf(value, call) {
  const { signal } = readOptions(value, ["signal"], { call });
  optional(signal, checkSignal);
  return { signal };
}

/**
 * Returns `{ request, signal, abortPrevious, readRows }` of the options of `call`, and those with the names `more`, unchecked.
 * `checks` has the fields of the request.
 */
function callArguments(value, { call, checks, more = [], hints }) {
  const others = ["signal", "abortPrevious", "readRows", ...more];
  const given = readOptions(value, [...Object.keys(checks), ...others], { call, hints });
  optional(given.signal, checkSignal);
  for (const name of ["abortPrevious", "readRows"]) optional(given[name], (b) => flag(b, name));
  const request = {};
  for (const [name, check] of Object.entries(checks)) {
    if (given[name] !== undefined) request[name] = check(given[name], name);
  }
  return { ...Object.fromEntries(others.map((name) => [name, given[name]])), request };
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
  // The request of the commands has a list.
  if (Array.isArray(value)) return value.map((one, i) => boostEntry(one, `${name}[${i}]`));
  if (Object.prototype.toString.call(value) !== "[object Object]") throw unexpected(name, value, "an object: { sales: 0.3 }");
  const given = Object.entries(value).filter(([, weight]) => weight !== undefined && weight !== null);
  return given.map(([attribute, weight]) => ({ attribute, weight: finite(weight, `${name}.${attribute}`) }));
}

function boostEntry(value, name) {
  const { attribute, weight } = value ?? {};
  if (typeof attribute === "string" && typeof weight === "number") return { attribute, weight: finite(weight, `${name}.weight`) };
  throw unexpected(name, value, 'an object: { attribute: "sales", weight: 0.3 }');
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
