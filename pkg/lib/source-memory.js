// A model folder in memory: a Map or an object from path to content, or a list of File.
import { unexpected } from "./arguments.js";
import { isBlob, isBytes, isMap, isResponse, isUrl, uint8ArrayOf, unsharedPieces } from "./bytes.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { encodeText } from "./text.js";

const EXPECTED_SOURCES = "a URL, a list of URLs, files ({ path: bytes }, a Map or a list of File)";

/** Bytes of a Blob that are read at once. */
const CHUNK_BYTES = 1 << 20;

/** Opens files in memory. `otherSources` is a list of other sources that the host accepts, for the error message. */
export function memorySource(source, otherSources = "") {
  const files = filesOf(source, otherSources);
  const open = async (path, part) => {
    const contents = files.get(path);
    // The body of a Response can be read once, but a file can be requested twice.
    if (isResponse(contents)) files.set(path, await blobOf(path, contents));
    return openContents(path, files.get(path), part);
  };
  const paths = [...files.keys()].filter((path) => !path.endsWith("/")); // archives list folders too
  return { paths, mirrors: [{ open }] };
}

/** Opens a file from byte `from` on, up to byte `to` if that is given. */
function openContents(path, contents, { from = 0, to } = {}) {
  if (contents === undefined) return null;
  const bytes = isBlob(contents) ? contents : typeof contents === "string" ? encodeText(contents) : uint8ArrayOf(contents, nameOf(path));
  const total = bytes.size ?? bytes.length;
  const isPartial = from > 0 || to < total;
  // Some objects that are used as a Blob have no `slice`.
  if (isBlob(contents) && typeof contents.slice !== "function") return { offset: 0, total, chunks: chunksOf(path, contents), cancel() {} };
  const part = !isPartial ? bytes : isBlob(contents) ? contents.slice(from, to) : bytes.subarray(from, to);
  return { offset: from, total, isPartial, chunks: isBlob(contents) ? chunksOf(path, part) : unsharedPieces(part), cancel() {} };
}

/** Reads a Response as a Blob, which browsers keep on disk if it is large. */
export async function blobOf(path, response) {
  if (!response.ok) throw invalid(`${nameOf(path)}: got a Response with HTTP ${response.status}; expected one with a body`);
  if (response.bodyUsed || response.body?.locked) {
    throw invalid(`${nameOf(path)}: the body of the Response was read before; pass one that was not read`);
  }
  try {
    return await response.blob();
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `${path}: the body of the Response cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const nameOf = (path) => `source[${JSON.stringify(path)}]`;

/** Returns a Map from path to content: a string, bytes, a Blob or a Response. */
export function filesOf(source, otherSources) {
  if (isMap(source)) return filesByPath(source.entries());
  if (isFileList(source)) return fromFiles(Array.from(source));
  if (isPlainObject(source)) return filesByPath(Object.entries(source));
  const hint =
    isBytes(source) || isBlob(source) || isResponse(source)
      ? '; pass bytes with their paths: { "model.onnx": bytes, "config.json": …, "tokenizer.json": … }'
      : "";
  throw unexpected("source", source, `${otherSources}${EXPECTED_SOURCES}${hint}`);
}

function filesByPath(entries) {
  const files = new Map();
  for (const [path, contents] of entries) {
    if (typeof path !== "string") throw unexpected("source (path of a file)", path, "a string");
    if (typeof contents !== "string" && ![isBytes, isBlob, isResponse].some((isKind) => isKind(contents))) {
      throw unexpected(nameOf(path), contents, "a Uint8Array, an ArrayBuffer, a Blob, a Response or a string");
    }
    if (isBytes(contents)) uint8ArrayOf(contents, nameOf(path)); // rejects bytes that were transferred
    files.set(normalizePath(path), contents);
  }
  if (files.size === 0) throw invalid("source is empty; expected the files of a folder, or its URLs");
  return files;
}

/** Reads the files of an <input>. With webkitdirectory, their paths begin with the name of the selected folder. */
function fromFiles(list) {
  const areUrls = list.some(isLocation);
  const wrong = list.findIndex(areUrls ? (item) => !isLocation(item) : (file) => !isBlob(file) || typeof file.name !== "string");
  if (wrong >= 0) throw unexpected(`source[${wrong}]`, list[wrong], areUrls ? "a URL, as others of the list are" : "a File object");
  const paths = list.map((file) => normalizePath(file.webkitRelativePath || file.name));
  const top = paths[0]?.split("/")[0];
  const shared = paths.every((path) => path.startsWith(`${top}/`)) && list.every((file) => file.webkitRelativePath);
  return filesByPath(list.map((file, i) => [shared ? paths[i].slice(top.length + 1) : paths[i], file]));
}

function normalizePath(path) {
  return path.replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
}

/** Yields the chunks of a Blob. A large Blob is often on disk, so it is never read as a whole. */
async function* chunksOf(path, blob) {
  try {
    if (typeof blob.slice !== "function") return yield* unsharedPieces(await bytesOfBlob(path, blob));
    for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
      yield* unsharedPieces(await bytesOfBlob(path, blob.slice(at, at + CHUNK_BYTES)));
    }
  } catch (cause) {
    if (cause instanceof CoromError) throw cause;
    throw new CoromError("FETCH_FAILED", `${path}: the file cannot be read: ${messageOf(cause)}`, { cause });
  }
}

async function bytesOfBlob(path, blob) {
  const bytes = await blob.arrayBuffer();
  if (isBytes(bytes)) return uint8ArrayOf(bytes, nameOf(path));
  throw unexpected(`${nameOf(path)}.arrayBuffer()`, bytes, "an ArrayBuffer");
}

const isLocation = (item) => typeof item === "string" || isUrl(item);
const isFileList = (value) => Array.isArray(value) || Object.prototype.toString.call(value) === "[object FileList]";
const isPlainObject = (value) => Object.prototype.toString.call(value) === "[object Object]" && !isBlob(value);
