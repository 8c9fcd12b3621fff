// A model folder in memory: a Map or an object from path to content, or a list of File.
import { unexpected } from "./arguments.js";
import { CoromError, invalid, messageOf } from "./errors.js";

const EXPECTED_SOURCES = "a URL, a list of URLs, files ({ path: bytes }, a Map or a list of File)";

/** Bytes of a Blob that are read at once. */
const CHUNK_BYTES = 1 << 20;

/** Opens files in memory. `otherSources` is a list of other sources that the host accepts, for the error message. */
export function memorySource(source, otherSources = "") {
  const files = filesOf(source, otherSources);
  return { paths: [...files.keys()], mirrors: [{ open: async (path) => openContents(path, files.get(path)) }] };
}

function openContents(path, contents) {
  if (contents === undefined) return null;
  const chunks = isBlob(contents) ? chunksOf(path, contents) : [bytesOf(contents)];
  return { offset: 0, total: isBlob(contents) ? contents.size : chunks[0].length, chunks, cancel() {} };
}

function filesOf(source, otherSources) {
  if (source instanceof Map) return filesByPath(source.entries());
  if (isFileList(source)) return fromFiles(Array.from(source));
  if (isPlainObject(source)) return filesByPath(Object.entries(source));
  const hint =
    isBytes(source) || isBlob(source)
      ? '; pass bytes with their paths: { "model.onnx": bytes, "config.json": …, "tokenizer.json": … }'
      : "";
  throw unexpected("source", source, `${otherSources}${EXPECTED_SOURCES}${hint}`);
}

function filesByPath(entries) {
  const files = new Map();
  for (const [path, contents] of entries) {
    if (typeof path !== "string") throw unexpected("source (path of a file)", path, "a string");
    if (typeof contents !== "string" && !isBytes(contents) && !isBlob(contents)) {
      const name = `source[${JSON.stringify(path)}]`;
      throw unexpected(name, contents, "a Uint8Array, an ArrayBuffer, a Blob or a string");
    }
    files.set(normalizePath(path), contents);
  }
  if (files.size === 0) throw invalid("source is empty; expected the files of a model, or URLs of its folder");
  return files;
}

/** Reads the files of an <input>. With webkitdirectory, their paths begin with the name of the selected folder. */
function fromFiles(list) {
  const wrong = list.find((file) => !isBlob(file) || typeof file.name !== "string");
  if (wrong !== undefined) throw unexpected("source (item of a list)", wrong, "a File object");
  const paths = list.map((file) => normalizePath(file.webkitRelativePath || file.name));
  const top = paths[0]?.split("/")[0];
  const shared = paths.every((path) => path.startsWith(`${top}/`)) && list.every((file) => file.webkitRelativePath);
  return filesByPath(list.map((file, i) => [shared ? paths[i].slice(top.length + 1) : paths[i], file]));
}

function normalizePath(path) {
  return path.replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
}

function bytesOf(contents) {
  if (typeof contents === "string") return new TextEncoder().encode(contents);
  if (contents instanceof Uint8Array) return contents;
  if (contents instanceof ArrayBuffer) return new Uint8Array(contents);
  return new Uint8Array(contents.buffer, contents.byteOffset, contents.byteLength);
}

/** Yields the chunks of a Blob. A large Blob is often on disk, so it is never read as a whole. */
async function* chunksOf(path, blob) {
  try {
    if (typeof blob.slice !== "function") return yield new Uint8Array(await blob.arrayBuffer());
    for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
      yield new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer());
    }
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `${path}: the file cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
const isBlob = (value) => typeof value?.arrayBuffer === "function" && typeof value.size === "number";
const isFileList = (value) => Array.isArray(value) || Object.prototype.toString.call(value) === "[object FileList]";
const isPlainObject = (value) => Object.prototype.toString.call(value) === "[object Object]" && !isBlob(value);
