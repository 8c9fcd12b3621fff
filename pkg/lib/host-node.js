// Host functions of Node, Deno and Bun: files are read from disk, or fetched if the source is an HTTP URL.
import { throwIfAborted } from "./abort.js";
import { shownAddress } from "./address.js";
import { isUrl } from "./bytes.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { request } from "./fetch.js";
import { folderSource } from "./source-folder.js";
import { memorySource } from "./source-memory.js";
import { isMirrors, urlSource } from "./source-url.js";

export { createHasherFactory } from "./hash-node.js";
export { folderStore } from "./store-folder.js";

/**
 * Opens a source: a path (folder or .onnx file), a file:, http: or https: URL, a list of http: or https: URLs, or files
 * in memory.
 */
export async function openSource(source) {
  if (isMirrors(source)) {
    const urls = source.map((given) => resolveUrl(given, "source"));
    const local = urls.find((url) => url.protocol === "file:");
    if (local) throw invalid(`source: ${shownAddress(local.href)} cannot be a mirror; expected http: or https: URLs`);
    return urlSource(...urls);
  }
  if (typeof source === "string" && !/^(https?|file):/i.test(source)) {
    if (source === "") throw invalid("source: got an empty string; expected a path or a URL");
    return folderSource(source);
  }
  if (typeof source !== "string" && !isUrl(source)) return memorySource(source, "a path, ");
  const url = resolveUrl(source, "source");
  return url.protocol === "file:" ? folderSource(await pathOf(url)) : urlSource(url);
}

/** Fetches or reads a URL. `input` is bytes or a Response; `size` is its length in bytes, if known. */
export async function fetchUrl(url, signal) {
  if (url.protocol !== "file:") return { input: await request(url.href, signal) };
  const { readFile } = await import("node:fs/promises");
  try {
    const input = await readFile(url, { signal });
    return { input, size: input.length };
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `${url.href}: the file cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Parses a URL. `name` is the argument, for error messages. */
export function resolveUrl(text, name) {
  try {
    return new URL(text);
  } catch {
    throw invalid(`${name}: ${JSON.stringify(shownAddress(String(text)))} is not a valid URL`);
  }
}

async function pathOf(url) {
  const { fileURLToPath } = await import("node:url");
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw invalid(`source: ${url.href} is not the URL of a local file`, { cause });
  }
}
