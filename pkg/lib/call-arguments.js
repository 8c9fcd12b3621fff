// Checks the arguments of the calls of a loaded instance. Each check returns the values in the form that the rest of the
// package uses, or throws INVALID_ARGUMENT.
import {
  checkSignal,
  describeValue,
  ofType,
  oneOf,
  optional,
  readArgument,
  text,
  texts,
  unexpected,
  wholeNumber,
} from "./arguments.js";
import { checkDocuments, checkQuery } from "./documents.js";
import { checkResultSize } from "./embed-result.js";
import { keptStateOf } from "./kept-vectors.js";
import { invalid } from "./errors.js";
import { CALL_HINTS } from "./option-hints.js";
import { readOptions } from "./option-names.js";

const METRICS = ["dot", "cosine", "l2", "l1"];
/** Metrics whose smallest value is the best. */
const DISTANCES = ["l2", "l1"];
const QUEUE_OPTIONS = ["signal", "abortPrevious"];
const DEFAULT_BATCH_SIZE = 256;

export const isDistance = (metric) => DISTANCES.includes(metric);

/** Checks the options that every call has, and returns them with those named `names`. */
export function callOptions(given, call, names = [], hints = CALL_HINTS) {
  const options = readOptions(given, [...QUEUE_OPTIONS, ...names], { call, hints });
  optional(options.signal, checkSignal);
  optional(options.abortPrevious, (b) => ofType(b, "abortPrevious", "boolean"));
  optional(options.onProgress, (f) => ofType(f, "onProgress", "function"));
  return options;
}

/** Checks the arguments of `embed` for a text or a list. Returns `{ list, isSingle, prompt, … }`. */
export function embedArguments(value, given, { dimension }) {
  return readArgument("an argument", () => {
    if (Array.isArray(value)) checkResultSize(value.length, dimension); // before the texts are copied
    const isSingle = typeof value === "string";
    if (!isSingle && !Array.isArray(value)) throw unexpected("texts", value, "a string, an array of strings, an iterable or a stream");
    const options = callOptions(given, "embed", ["prompt", "onProgress"]);
    return { ...options, list: isSingle ? [value] : texts(value, "texts"), isSingle, prompt: prompt(options.prompt) };
  });
}

/** Checks the options of `embed` for an iterable. */
export function iterableOptions(given) {
  return readArgument("an argument", () => {
    const options = callOptions(given, "embed", ["prompt", "onProgress", "batchSize"]);
    if (options.abortPrevious) {
      throw invalid("abortPrevious: it is for single calls; end an iteration with break, or abort it with a signal");
    }
    const batchSize = wholeNumber(options.batchSize ?? DEFAULT_BATCH_SIZE, "batchSize", 1);
    return { ...options, batchSize, prompt: prompt(options.prompt) };
  });
}

/**
 * Checks the arguments of `score` and, with `names` `topK`, of `rank`. `info` is that of the model. Returns
 * `{ query: { text } or { vector }, documents, metric, topK, … }`.
 */
export function comparison(query, documents, given, { call, info, names = [], engine }) {
  return readArgument("an argument", () => {
    const options = callOptions(given, call, ["metric", "onProgress", ...names]);
    return {
      ...options,
      metric: oneOf(options.metric ?? info.metric, "metric", METRICS),
      topK: topK(options.topK),
      query: checkQuery(query, info.dimension),
      documents: checkDocuments(documents, info.dimension, engine),
    };
  });
}

/** Checks the arguments of `keep`. */
export function keepArguments(documents, given, { info, engine }) {
  return readArgument("an argument", () => {
    if (keptStateOf(documents)) throw unexpected("documents", documents, "texts or vectors; these vectors are kept already");
    return { ...callOptions(given, "keep", ["onProgress"]), documents: checkDocuments(documents, info.dimension, engine) };
  });
}

/** Checks the arguments of `tokenize`. */
export function tokenizeArguments(value, given) {
  return readArgument("an argument", () => ({ ...callOptions(given, "tokenize"), text: text(value, "text") }));
}

/** Checks `topK`: any whole number, because there are never more results than documents. */
export function topK(value) {
  if (value === undefined || value === Infinity) return undefined;
  if (Number.isInteger(value) && value >= 0) return value;
  throw unexpected("topK", value, "a whole number of at least 0, or Infinity");
}

/**
 * Checks `prompt` and returns it as `{ kind, value }`, the two arguments of the Rust core; undefined means the model's
 * default prompt.
 */
function prompt(value) {
  if (value === undefined) return undefined;
  if (typeof value === "string") return { kind: "nameOrText", value };
  const given = typeof value === "object" ? Object.entries(value).filter(([, item]) => item != null) : [];
  const [[kind, item] = []] = given;
  if (given.length === 1 && (kind === "name" || kind === "text")) return { kind, value: text(item, `prompt.${kind}`) };
  throw unexpected("prompt", value, "a string, { name } or { text }");
}

/** Checks an item that an iterable yields. */
export function iteratedText(item, index) {
  if (typeof item === "string") return item;
  throw invalid(`texts: item ${index} is ${describeValue(item)}; expected a string`);
}
