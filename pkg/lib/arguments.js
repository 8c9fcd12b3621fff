// Checks the arguments of public calls. Each check returns the value in the form that the rest of the package uses, or
// throws INVALID_ARGUMENT. The message names the argument, the value found, and what is expected.
import { shownAddress } from "./address.js";
import { isUrl } from "./bytes.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { LOAD_HINTS } from "./option-hints.js";
import { readOptions } from "./option-names.js";
import { qualityOptions } from "./quality.js";

const GRAPH_POOLING = "graph";
const HIDDEN_POOLINGS = [
  "cls",
  "mean",
  "max",
  "mean_sqrt_len",
  "weighted_mean",
  "last_token",
  "avg_top2",
  "avg_first_last",
];
const DTYPES = ["auto", "fp32", "fp16", "q8", "int8", "uint8", "q4", "q4f16", "bnb4", "f32", "f16", "int4"];
const DEVICES = ["auto", "cpu", "wasm"];
const CACHES = ["auto", "opfs", "cache-api", "none"];
const DEFAULT_RETRIES = 3;
const DEFAULT_STALL_TIMEOUT_MS = 30_000;
/** The Rust core reads whole numbers as 32-bit unsigned integers. */
const MAX_U32 = 0xffffffff;

/** Describes a value for an error message: `the number 42`, `null`, `an array of 3`. */
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

/** Calls `read`, which reads an object of the caller. What a getter of the object throws is its error's cause. */
export function readArgument(name, read) {
  try {
    return read();
  } catch (thrown) {
    throw readError(name, thrown);
  }
}

/** Returns the error for what was thrown while an object of the caller was read. */
export function readError(name, thrown) {
  return thrown instanceof CoromError ? thrown : invalid(`${name} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
}

/** Checks a string. */
export function text(value, name) {
  if (typeof value === "string") return value;
  throw unexpected(name, value, "a string");
}

/** Checks a list of strings and returns a copy, because the caller may change the list during the call. */
export function texts(value, name) {
  if (typeof value === "string") throw unexpected(name, value, "an array of strings; pass a single text as [text]");
  if (!Array.isArray(value)) throw unexpected(name, value, "an array of strings");
  const list = Array.prototype.slice.call(value); // faster than Array.from
  const wrong = list.findIndex((item) => typeof item !== "string");
  if (wrong >= 0) throw unexpected(`${name}[${wrong}]`, list[wrong], "a string");
  return list;
}

/** Checks a string or a list of strings and returns a list. */
export function textOrTexts(value, name) {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) throw unexpected(name, value, "a string or an array of strings");
  return texts(value, name);
}

/** Checks `pooling`, a name or an array of names, and returns an array. */
function poolings(value) {
  if (!Array.isArray(value)) return [oneOf(value, "pooling", [...HIDDEN_POOLINGS, GRAPH_POOLING])];
  const names = Array.from(value, (name, i) => oneOf(name, `pooling[${i}]`, HIDDEN_POOLINGS));
  if (names.length > 0 && new Set(names).size === names.length) return names;
  throw unexpected("pooling", value, "at least one pooling, each at most once");
}

/** The options of `Corom.load`. */
export const LOAD_OPTIONS = [
  "maxLength",
  "pooling",
  "ignoreHead",
  "normalize",
  "lowercase",
  "splitSpecialTokens",
  "model",
  "dtype",
  "quality",
  "advanced",
  "device",
  "selfTest",
  "wasm",
  "fetch",
  "cache",
  "cacheDir",
  "retries",
  "stallTimeout",
  "queryCache",
  "signal",
  "onProgress",
];

/**
 * Checks the options of `Corom.load` and fills in the defaults that do not depend on the model. `more` has the names of
 * options that only this entry of the package has; they are returned unchecked.
 */
export function loadOptions(value, more = []) {
  const given = readOptions(value, [...LOAD_OPTIONS, ...more], { call: "Corom.load", hints: LOAD_HINTS });
  optional(given.signal, checkSignal);
  optional(given.device, checkDevice);
  const { simd, ...kernels } = qualityOptions(given);
  return {
    ...Object.fromEntries(more.map((name) => [name, given[name]])),
    signal: given.signal,
    queryCache: optional(given.queryCache, (n) => wholeNumber(n, "queryCache", 0)),
    onProgress: optional(given.onProgress, (f) => ofType(f, "onProgress", "function")),
    simd,
    wasm: given.wasm,
    fetch: optional(given.fetch, (f) => ofType(f, "fetch", "function")),
    ...cacheOptions(given),
    retries: wholeNumber(given.retries ?? DEFAULT_RETRIES, "retries", 0),
    stallTimeoutMs:
      given.stallTimeout === Infinity
        ? Infinity
        : wholeNumber(given.stallTimeout ?? DEFAULT_STALL_TIMEOUT_MS, "stallTimeout", 1),
    // Options of the Rust loader. An absent option means the model's own setting.
    loader: withoutUndefined({
      maxLength: optional(given.maxLength, (n) => wholeNumber(n, "maxLength", 2)),
      pooling: optional(given.pooling, poolings),
      ignoreHead: optional(given.ignoreHead, (b) => ofType(b, "ignoreHead", "boolean")),
      normalize: optional(given.normalize, (b) => ofType(b, "normalize", "boolean")),
      lowercase: optional(given.lowercase, (b) => ofType(b, "lowercase", "boolean")),
      splitSpecialTokens: optional(given.splitSpecialTokens, (b) => ofType(b, "splitSpecialTokens", "boolean")),
      selfTest: optional(given.selfTest, (b) => ofType(b, "selfTest", "boolean")),
      model: optional(given.model, (m) => text(m, "model")),
      dtype: optional(given.dtype, (d) => oneOf(d, "dtype", DTYPES)),
      ...kernels,
    }),
  };
}

/**
 * Checks `cacheDir` and returns it as text. An empty path is an error, because it would mean the working directory, and
 * so is an address, because it would be a path with colons.
 */
export function checkCacheDir(cacheDir) {
  if (cacheDir === undefined || cacheDir === null) return undefined;
  const given = isUrl(cacheDir) ? cacheDir.href : cacheDir;
  const isText = typeof given === "string" && given !== "" && !given.includes("\0");
  if (!isText) throw unexpected("cacheDir", cacheDir, "a path or a file: URL");
  if (/^file:/i.test(given) || !(isUrl(cacheDir) || /^[a-z][a-z0-9+.-]+:\/\//i.test(given))) return given;
  throw invalid(`cacheDir: got the address ${shownAddress(given)}; expected a path or a file: URL`);
}

function cacheOptions(given) {
  const cache = oneOf(given.cache ?? "auto", "cache", CACHES);
  const cacheDir = checkCacheDir(given.cacheDir);
  if (cacheDir === undefined || cache === "auto" || cache === "none") return { cache, cacheDir };
  throw unexpected("cache", cache, '"auto" or "none", because cacheDir is set');
}

/** Checks `device`, which transformers.js and ModelScope have: corom runs on the CPU. */
function checkDevice(value) {
  if (DEVICES.includes(value)) return;
  throw unexpected("device", value, `"cpu", "wasm" or "auto": corom runs on the CPU only`);
}

/** Returns the INVALID_ARGUMENT error for an argument: where, what was found, what is expected. */
export function unexpected(name, value, expected) {
  return invalid(`${name}: got ${describeValue(value)}; expected ${expected}`);
}

export function optional(value, check) {
  return value === undefined || value === null ? undefined : check(value);
}

function withoutUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

export function ofType(value, name, type) {
  if (typeof value === type) return value;
  throw unexpected(name, value, `a ${type}`);
}

export function oneOf(value, name, allowed) {
  if (allowed.includes(value)) return value;
  const list = allowed.map((a) => JSON.stringify(a)).join(", ");
  throw unexpected(name, value, `one of ${list}`);
}

export function wholeNumber(value, name, minimum) {
  if (Number.isInteger(value) && value >= minimum && value <= MAX_U32) return value;
  throw unexpected(name, value, `a whole number from ${minimum} to ${MAX_U32}`);
}

export function checkSignal(value) {
  if (typeof value?.aborted === "boolean" && typeof value.addEventListener === "function") return;
  throw unexpected("signal", value, "an AbortSignal");
}
