// Node, and hosts like it: files come from disk, and from the network where a URL says so.
import { throwIfAborted } from "./abort.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { request } from "./fetch.js";
import { folderSource } from "./source-folder.js";
import { memorySource } from "./source-memory.js";
import { isMirrors, urlSource } from "./source-url.js";

export { createHasherFactory } from "./hash-node.js";
export { folderStore } from "./store-folder.js";

/** A path (folder or .onnx file), a file:, http: or https: URL, a list of the latter; or files in memory. */
export async function openSource(source) {
  if (isMirrors(source)) {
    const urls = source.map((given) => resolveUrl(given, "source"));
    const local = urls.find((url) => url.protocol === "file:");
    if (local) throw invalid(`source: a list of mirrors takes addresses of servers, not ${local.href}`);
    return urlSource(...urls);
  }
  if (typeof source === "string" && !/^(https?|file):/i.test(source)) {
    if (source === "") throw invalid("source is an empty string; it should be a path or a URL");
    return folderSource(source);
  }
  if (typeof source !== "string" && !(source instanceof URL)) return memorySource(source, "a path, ");
  const url = resolveUrl(source, "source");
  return url.protocol === "file:" ? folderSource(await pathOf(url)) : urlSource(url);
}

/** What is at a URL: `input` is bytes or a Response, `size` its length where known. */
export async function fetchUrl(url, signal) {
  if (url.protocol !== "file:") return { input: await request(url.href, signal) };
  const { readFile } = await import("node:fs/promises");
  try {
    const input = await readFile(url, { signal });
    return { input, size: input.length };
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `${url.href} could not be read: ${messageOf(cause)}`, { cause });
  }
}

/** The URL that a string means here. */
export function resolveUrl(text, name) {
  try {
    return new URL(text);
  } catch (cause) {
    throw invalid(`${name} is not a URL: ${JSON.stringify(text)}`, { cause });
  }
}

async function pathOf(url) {
  const { fileURLToPath } = await import("node:url");
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw invalid(`source is not the URL of a file here: ${url.href}`, { cause });
  }
}
