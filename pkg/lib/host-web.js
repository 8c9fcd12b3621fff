// Host functions of browsers and of other hosts without a file system: all files are fetched.
import { isUrl } from "./bytes.js";
import { isMirrors } from "./model-url.js";
import { resolveUrl } from "./page-url.js";
import { memorySource } from "./source-memory.js";
import { urlSource } from "./source-url.js";

/** The longest time of a large batch (batch-size.js) in a worker, where nobody waits; a page has small batches. */
export const batchTimeMs = typeof DedicatedWorkerGlobalScope === "function" ? 400 : undefined;

export { resolveUrl } from "./page-url.js";

/** WebGPU's entry; undefined if the browser has none, or if the page is not secure. */
export const gpu = () => globalThis.navigator?.gpu;
export const gpuAdvice = " (navigator.gpu): pages have it in secure contexts, in browsers that support WebGPU";

/** Opens a source: a URL (relative URLs are resolved against the page), a list of URLs, or files in memory. */
export function openSource(source) {
  const url = (given) => resolveUrl(given, "source");
  if (isMirrors(source)) return urlSource(...source.map(url));
  return typeof source === "string" || isUrl(source) ? urlSource(url(source)) : memorySource(source);
}

/**
 * Reads the file of a file: URL where a test runner imports this entry in Node, such as Jest with jsdom; returns
 * undefined elsewhere. There is no `import`, because bundlers would try to resolve it.
 */
export async function readLocal(url) {
  const builtin = url.protocol === "file:" ? globalThis.process?.getBuiltinModule : undefined;
  return builtin?.("fs/promises").readFile(builtin("url").fileURLToPath(url.href));
}

/** Resolves an address of the option `wasm`. */
export const resolveBinary = (address) => resolveUrl(address, "wasm");
