// Host functions of browsers and of other hosts without a file system: all files are fetched.
import { shownAddress } from "./address.js";
import { isUrl } from "./bytes.js";
import { invalid } from "./errors.js";
import { memorySource } from "./source-memory.js";
import { isMirrors, urlSource } from "./source-url.js";

/** The longest time of a large batch (batch-size.js) in a worker, where nobody waits; a page has small batches. */
export const batchTimeMs = typeof DedicatedWorkerGlobalScope === "function" ? 400 : undefined;

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

/** Resolves a URL against the page. `name` is the argument, for error messages. */
export function resolveUrl(text, name) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(text, base);
  } catch {
    throw invalid(`${name}: ${JSON.stringify(shownAddress(String(text)))} is not a valid URL`);
  }
}
