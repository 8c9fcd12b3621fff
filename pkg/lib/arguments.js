// Checks of what callers pass: each returns the value as the rest of the package wants it,
// or throws INVALID_ARGUMENT with the argument's name and what it was.
import { invalid } from "./errors.js";

const POOLINGS = ["cls", "mean", "avg_top2", "avg_first_last"];
const METRICS = ["dot", "cosine", "l2"];
const MODELSCOPE_VERSIONS = ["1.2", "latest"];
const SIMD_KINDS = ["auto", "plain", "relaxed"];
const PRECISIONS = ["auto", "f32"];
const KERNELS = ["auto", "exact"];
const CACHES = ["auto", "opfs", "cache-api", "none"];
const DEFAULT_RETRIES = 3;
const DEFAULT_STALL_TIMEOUT_MS = 30_000;

/** What a value is, for a message: `the number 42`, `null`, `an array of 3`. */
export function describeValue(value) {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : `an array of ${value.length}`;
  switch (typeof value) {
    case "string":
      return value.length > 40 ? `a string of ${value.length} characters` : `the string ${JSON.stringify(value)}`;
    case "number":
      return `the number ${value}`;
    case "boolean":
      return `the boolean ${value}`;
    case "bigint":
      return `the bigint ${value}`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default: {
      const kind = Object.getPrototypeOf(value)?.constructor?.name;
      return !kind || kind === "Object" ? "an object" : `an object of class ${kind}`;
    }
  }
}

export function text(value, name) {
  if (typeof value === "string") return value;
  throw invalid(`${name} must be a string, not ${describeValue(value)}`);
}

/** A list of strings. It is copied, so that a caller who changes it later changes nothing here. */
export function texts(value, name) {
  if (typeof value === "string") {
    throw invalid(
      `${name} must be an array of strings, not ${describeValue(value)}; put a single text in an array: [text]`,
    );
  }
  if (!Array.isArray(value)) throw invalid(`${name} must be an array of strings, not ${describeValue(value)}`);
  return Array.from(value, (item, i) => text(item, `${name}[${i}]`));
}

/** One string or a list of them. */
export function textOrTexts(value, name) {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) throw invalid(`${name} must be a string or an array of strings, not ${describeValue(value)}`);
  return texts(value, name);
}

/** The two lists of a pipeline call. */
export function pipelineInput(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw invalid(`input must be an object with source_sentence, not ${describeValue(value)}`);
  }
  if (value.source_sentence === undefined) throw invalid("input.source_sentence is missing");
  const sources = textOrTexts(value.source_sentence, "input.source_sentence");
  if (sources.length === 0) throw invalid("input.source_sentence must hold at least one sentence, not an empty array");
  const compared = textOrTexts(value.sentences_to_compare ?? [], "input.sentences_to_compare");
  return { sources, compared };
}

/** The options bag of a call: undefined is an empty one. */
export function options(value) {
  if (value === undefined) return {};
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw invalid(`options must be an object, not ${describeValue(value)}`);
  }
  checkSignal(value.signal);
  optional(value.abortPrevious, (b) => ofType(b, "abortPrevious", "boolean"));
  return value;
}

/** What score and rank take. */
export function comparison(query, documents, given) {
  return { text: text(query, "query"), list: texts(documents, "documents"), metric: metric(options(given).metric) };
}

export const metric = (value = "dot") => oneOf(value, "metric", METRICS);
export const modelscopeVersion = (value = "1.2") => oneOf(value, "modelscopeVersion", MODELSCOPE_VERSIONS);

export function topK(value) {
  if (value === undefined || value === Infinity) return undefined;
  return wholeNumber(value, "topK", 0);
}

/** The options of `Corom.load`, checked, with `simd` filled in. */
export function loadOptions(value) {
  const given = options(value);
  return {
    signal: given.signal,
    queryCache: optional(given.queryCache, (n) => wholeNumber(n, "queryCache", 0)),
    onProgress: optional(given.onProgress, (f) => ofType(f, "onProgress", "function")),
    simd: oneOf(given.simd ?? "auto", "simd", SIMD_KINDS),
    wasm: given.wasm ?? undefined,
    fetch: optional(given.fetch, (f) => ofType(f, "fetch", "function")),
    ...cacheOptions(given),
    retries: wholeNumber(given.retries ?? DEFAULT_RETRIES, "retries", 0),
    stallTimeoutMs: given.stallTimeout === Infinity ? Infinity : wholeNumber(given.stallTimeout ?? DEFAULT_STALL_TIMEOUT_MS, "stallTimeout", 1),
    // What the loader in Rust takes; absent where the caller left it to the model.
    loader: withoutUndefined({
      maxLength: optional(given.maxLength, (n) => wholeNumber(n, "maxLength", 2)),
      pooling: optional(given.pooling, (p) => oneOf(p, "pooling", POOLINGS)),
      normalize: optional(given.normalize, (b) => ofType(b, "normalize", "boolean")),
      selfTest: optional(given.selfTest, (b) => ofType(b, "selfTest", "boolean")),
      model: optional(given.model, (m) => text(m, "model")),
      precision: optional(given.precision, (p) => oneOf(p, "precision", PRECISIONS)),
      kernel: optional(given.kernel, (k) => oneOf(k, "kernel", KERNELS)),
      fused: optional(given.fused, (b) => ofType(b, "fused", "boolean")),
    }),
  };
}

/** A folder for the cache, checked. An empty path would be the folder that the program happens to run in. */
export function checkCacheDir(cacheDir) {
  if (cacheDir === undefined || cacheDir instanceof URL || (typeof cacheDir === "string" && cacheDir !== "")) return cacheDir;
  throw invalid(`cacheDir must be a path or a file: URL, not ${describeValue(cacheDir)}`);
}

function cacheOptions({ cache = "auto", cacheDir }) {
  oneOf(cache, "cache", CACHES);
  if (checkCacheDir(cacheDir) === undefined) return { cache, cacheDir };
  if (cache === "auto" || cache === "none") return { cache, cacheDir };
  throw invalid(`cache must be "auto" or "none" where there is a cacheDir, not ${describeValue(cache)}`);
}

function optional(value, check) {
  return value === undefined ? undefined : check(value);
}

function withoutUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function ofType(value, name, type) {
  if (typeof value === type) return value;
  throw invalid(`${name} must be a ${type}, not ${describeValue(value)}`);
}

function oneOf(value, name, allowed) {
  if (allowed.includes(value)) return value;
  const list = allowed.map((a) => JSON.stringify(a)).join(", ");
  throw invalid(`${name} must be one of ${list}, not ${describeValue(value)}`);
}

function wholeNumber(value, name, minimum) {
  if (Number.isInteger(value) && value >= minimum && value <= 0xffffffff) return value;
  throw invalid(`${name} must be a whole number of at least ${minimum}, not ${describeValue(value)}`);
}

function checkSignal(value) {
  if (value === undefined) return;
  if (typeof value?.aborted === "boolean" && typeof value.addEventListener === "function") return;
  throw invalid(`signal must be an AbortSignal, not ${describeValue(value)}`);
}
