// Checks the options of `Catalog.load`.
import { checkSignal, ofType, oneOf, optional, wholeNumber } from "../arguments.js";
import { DEFAULT_RETRIES, DEFAULT_STALL_TIMEOUT_MS, cacheOptions } from "../load-options.js";
import { LOAD_HINTS } from "../option-hints.js";
import { readOptions } from "../option-names.js";

export const CATALOG_OPTIONS = [
  "vectors",
  "wasm",
  "fetch",
  "cache",
  "cacheDir",
  "retries",
  "stallTimeout",
  "signal",
  "onProgress",
];

const { progress_callback, progressCallback, cache_dir, use_browser_cache } = LOAD_HINTS;
const HINTS = { progress_callback, progressCallback, cache_dir, use_browser_cache };

/** Checks the options of `Catalog.load`. `more` has the names of options that only this entry has; they are not checked. */
export function catalogLoadOptions(value, more = []) {
  // A rejected `wasm` promise is reported when the module is needed. Until then it must not be an unhandled rejection.
  Promise.resolve(value?.wasm).catch(() => {});
  const given = readOptions(value, [...CATALOG_OPTIONS, ...more], { call: "Catalog.load", hints: HINTS });
  optional(given.signal, checkSignal);
  return {
    ...Object.fromEntries(more.map((name) => [name, given[name]])),
    vectors: oneOf(given.vectors ?? "wait", "vectors", ["wait", "later", "codes", "none"]),
    signal: given.signal,
    onProgress: optional(given.onProgress, (f) => ofType(f, "onProgress", "function")),
    wasm: given.wasm,
    fetch: optional(given.fetch, (f) => ofType(f, "fetch", "function")),
    ...cacheOptions(given),
    retries: wholeNumber(given.retries ?? DEFAULT_RETRIES, "retries", 0),
    stallTimeoutMs:
      given.stallTimeout === Infinity
        ? Infinity
        : wholeNumber(given.stallTimeout ?? DEFAULT_STALL_TIMEOUT_MS, "stallTimeout", 1),
  };
}
