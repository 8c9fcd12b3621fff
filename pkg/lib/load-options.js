// Checks the options of `Corom.load` and `CoromReranker.load`.
import { shownAddress } from "./address.js";
import { checkSignal, ofType, oneOf, optional, text, unexpected, wholeNumber } from "./arguments.js";
import { isUrl } from "./bytes.js";
import { invalid } from "./errors.js";
import { LOAD_HINTS, RERANKER_LOAD_HINTS } from "./option-hints.js";
import { readOptions } from "./option-names.js";
import { qualityOptions } from "./quality.js";

const GRAPH_POOLING = "graph";
export const HIDDEN_POOLINGS = [
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
/** The values of `device`, and what they mean. `cpu` is transformers.js' word. */
const DEVICES = { auto: "auto", wasm: "wasm", cpu: "wasm", webgpu: "webgpu" };
const CACHES = ["auto", "opfs", "cache-api", "none"];
export const DEFAULT_RETRIES = 3;
export const DEFAULT_STALL_TIMEOUT_MS = 30_000;

/** Checks `pooling`, a name or an array of names, and returns an array. */
function poolings(value) {
  if (!Array.isArray(value)) return [oneOf(value, "pooling", [...HIDDEN_POOLINGS, GRAPH_POOLING])];
  const names = Array.from(value, (name, i) => oneOf(name, `pooling[${i}]`, HIDDEN_POOLINGS));
  if (names.length > 0 && new Set(names).size === names.length) return names;
  throw unexpected("pooling", value, "at least one pooling, each at most once");
}

/** The options that all models have. */
const COMMON_OPTIONS = [
  "maxLength",
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
  "signal",
  "onProgress",
];

/** The options of `load`: the call, for messages; their names; hints for other names. */
export const COROM_OPTIONS = {
  call: "Corom.load",
  names: ["pooling", "ignoreHead", "normalize", "queryCache", ...COMMON_OPTIONS],
  hints: LOAD_HINTS,
};
export const RERANKER_OPTIONS = {
  call: "CoromReranker.load",
  names: ["pairCache", ...COMMON_OPTIONS],
  hints: RERANKER_LOAD_HINTS,
};

/**
 * Checks the options of `load` and fills in the defaults that do not depend on the model. `more` has the names of options
 * that only this entry of the package has; they are returned unchecked.
 */
export function loadOptions(value, { call, names, hints }, more = []) {
  const given = readOptions(value, [...names, ...more], { call, hints });
  optional(given.signal, checkSignal);
  const { simd, gpu, ...kernels } = qualityOptions(given);
  return {
    ...Object.fromEntries(more.map((name) => [name, given[name]])),
    signal: given.signal,
    queryCache: optional(given.queryCache, (n) => wholeNumber(n, "queryCache", 0)),
    pairCache: optional(given.pairCache, (n) => wholeNumber(n, "pairCache", 0)),
    onProgress: optional(given.onProgress, (f) => ofType(f, "onProgress", "function")),
    device: deviceOf(given.device ?? "wasm"),
    webgpu: gpu,
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

/** Checks `cache` and `cacheDir`. */
export function cacheOptions(given) {
  const cache = oneOf(given.cache ?? "auto", "cache", CACHES);
  const cacheDir = checkCacheDir(given.cacheDir);
  if (cacheDir === undefined || cache === "auto" || cache === "none") return { cache, cacheDir };
  throw unexpected("cache", cache, '"auto" or "none", because cacheDir is set');
}

/** Checks `device`. */
function deviceOf(value) {
  if (Object.hasOwn(DEVICES, value)) return DEVICES[value];
  throw unexpected("device", value, `"auto", "wasm" (the CPU) or "webgpu"`);
}

function withoutUndefined(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
