// Host functions of Node, Deno and Bun: files are read from disk, or fetched if the source is an HTTP URL.
import { throwIfAborted } from "./abort.js";
import { shownAddress } from "./address.js";
import { isUrl } from "./bytes.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { folderSource } from "./source-folder.js";
import { isMirrors } from "./model-url.js";
import { memorySource } from "./source-memory.js";
import { urlSource } from "./source-url.js";

/** The longest time of a large batch (batch-size.js). A program that must answer others meanwhile uses corom/worker. */
export const batchTimeMs = 400;

export { createHasherFactory } from "./hash-node.js";
export { folderStore } from "./store-folder.js";

/** What the npm package `webgpu` has created, weakly: Node does not exit while there is a reference to it. */
let created;

/** WebGPU's entry: Deno's, or that of the npm package `webgpu`; undefined if there is neither. */
export async function gpu() {
  if (globalThis.navigator?.gpu) return globalThis.navigator.gpu;
  const name = "webgpu"; // in a variable, because bundlers must not look for the package
  const found = await import(/* webpackIgnore: true */ /* @vite-ignore */ name).catch((cause) => {
    if (cause.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw cause;
  });
  if (!found) return undefined;
  // Instances share a device only if they have the same entry.
  const gpu = created?.deref() ?? found.create([]);
  created = new WeakRef(gpu);
  return gpu;
}

export const gpuAdvice = ": install the npm package webgpu";

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
    return folderSource(checkPath(source));
  }
  if (typeof source !== "string" && !isUrl(source)) return memorySource(source, "a path, ");
  const url = resolveUrl(source, "source");
  return url.protocol === "file:" ? folderSource(await pathOf(url)) : urlSource(url);
}

/** Checks a path of a model. */
function checkPath(path) {
  if (path === "") throw invalid("source: got an empty string; expected a path or a URL");
  if (path.includes("\0")) throw invalid("source: the path has a NUL character; expected a path or a URL");
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return path;
  throw invalid(`source: got the address ${shownAddress(path)}; expected a path, or an http:, https: or file: URL`);
}

/** Reads the file of a file: URL; returns undefined for other URLs. */
export async function readLocal(url, signal) {
  if (url.protocol !== "file:") return undefined;
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(url, { signal });
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `${url.href}: the file cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Resolves an address of the option `wasm`: a URL, or a path. A bundler writes the path of the .wasm file relative to
 * the bundle, so a relative path is looked for in the working directory, beside the bundle and beside the program.
 */
export async function resolveBinary(address) {
  if (address === "") throw invalid("wasm: got an empty string; expected a path, a URL, a Response, a module or bytes");
  if (isUrl(address) || /^(https?|file|data|blob):/i.test(address)) return resolveUrl(address, "wasm");
  const [{ access }, path, { fileURLToPath, pathToFileURL }] = await Promise.all([
    import("node:fs/promises"),
    import("node:path"),
    import("node:url"),
  ]);
  const bundle = import.meta.url === undefined ? bundleFolder : path.dirname(fileURLToPath(import.meta.url));
  const program = globalThis.process?.argv?.[1] && path.dirname(process.argv[1]);
  const files = [".", bundle, program].filter(Boolean).map((folder) => path.resolve(folder, address));
  for (const file of files) if (await access(file).then(() => true, () => false)) return pathToFileURL(file);
  const places = [...new Set(files)].join(", ");
  throw new CoromError("FETCH_FAILED", `wasm: there is no file ${address}; looked for ${places}`);
}

/** The folder of this script in a CommonJS bundle. */
const bundleFolder = typeof __dirname === "string" ? __dirname : undefined;

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
