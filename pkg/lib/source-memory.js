// A model folder in memory: a Map or an object of path → contents, or a list of File.
import { describeValue } from "./arguments.js";
import { CoromError, invalid, messageOf } from "./errors.js";

const EXPECTED_SOURCES = "a URL, a list of URLs, files ({ path: bytes }, a Map or a list of File)";

/** How much of a Blob is read at once. */
const CHUNK_BYTES = 1 << 20;

/** `also` names what else the host takes, for the message. */
export function memorySource(source, also = "") {
  const files = filesOf(source, also);
  return { paths: [...files.keys()], mirrors: [{ open: async (path) => openContents(path, files.get(path)) }] };
}

function openContents(path, contents) {
  if (contents === undefined) return null;
  const chunks = isBlob(contents) ? chunksOf(path, contents) : [bytesOf(contents)];
  return { offset: 0, total: isBlob(contents) ? contents.size : chunks[0].length, chunks, cancel() {} };
}

function filesOf(source, also) {
  if (source instanceof Map) return filesByPath(source.entries());
  if (isFileList(source)) return fromFiles(Array.from(source));
  if (isPlainObject(source)) return filesByPath(Object.entries(source));
  const hint =
    isBytes(source) || isBlob(source)
      ? '; name the file: { "model.onnx": bytes, "config.json": …, "tokenizer.json": … }'
      : "";
  throw invalid(`source must be ${also}${EXPECTED_SOURCES}, not ${describeValue(source)}${hint}`);
}

function filesByPath(entries) {
  const files = new Map();
  for (const [path, contents] of entries) {
    if (typeof path !== "string") throw invalid(`source: a path must be a string, not ${describeValue(path)}`);
    if (typeof contents !== "string" && !isBytes(contents) && !isBlob(contents)) {
      throw invalid(
        `source[${JSON.stringify(path)}] must be a Uint8Array, an ArrayBuffer, a Blob or a string, not ${describeValue(contents)}`,
      );
    }
    files.set(normalizePath(path), contents);
  }
  if (files.size === 0) throw invalid("source is empty; it should hold a model's files, or addresses of its folder");
  return files;
}

/** Files of an <input>: with webkitdirectory their paths begin with the folder that was picked. */
function fromFiles(list) {
  const wrong = list.find((file) => !isBlob(file) || typeof file.name !== "string");
  if (wrong !== undefined) throw invalid(`source: a list must hold File objects, not ${describeValue(wrong)}`);
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

/** A large Blob lies on disk, often: it is never read whole. */
async function* chunksOf(path, blob) {
  try {
    if (typeof blob.slice !== "function") return yield new Uint8Array(await blob.arrayBuffer());
    for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
      yield new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer());
    }
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `${path} could not be read: ${messageOf(cause)}`, { cause });
  }
}

const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
const isBlob = (value) => typeof value?.arrayBuffer === "function" && typeof value.size === "number";
const isFileList = (value) => Array.isArray(value) || Object.prototype.toString.call(value) === "[object FileList]";
const isPlainObject = (value) => Object.prototype.toString.call(value) === "[object Object]" && !isBlob(value);
