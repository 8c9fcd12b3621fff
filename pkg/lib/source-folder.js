// A model folder on disk, in Node, Deno and Bun.
import { CoromError, messageOf } from "./errors.js";

/** Depth of subfolders that are listed. Known layouts have one level. */
const MAX_DEPTH = 3;
/** Bytes that are read at once. */
const CHUNK_BYTES = 1 << 20;

/** Opens a model folder, or the model folder of an .onnx file. */
export async function folderSource(given) {
  const path = await import("node:path");
  const fs = await import("node:fs/promises");
  const { folder, model } = splitModelPath(path, given);
  const { paths, unreadable } = await listing(fs, path, folder, given);
  return {
    model,
    paths: [...paths, ...unreadable.map(({ name }) => `${name}/`)], // the loader knows which of them it needs
    unreadable,
    address: [folder, ...unreadable.map(({ name }) => `(without ${name}, which cannot be read)`)].join(" "),
    mirrors: [{ open: (file, part) => openFile(fs, path.join(folder, ...file.split("/")), part) }],
  };
}

/** Splits a path into the model folder and, if the path is an .onnx file, the path of that file in the folder. */
function splitModelPath(path, given) {
  const full = path.resolve(given);
  if (!/\.onnx$/i.test(full)) return { folder: full, model: undefined };
  const folder = path.dirname(full);
  const name = path.basename(full);
  return path.basename(folder) === "onnx"
    ? { folder: path.dirname(folder), model: `onnx/${name}` }
    : { folder, model: name };
}

/**
 * Lists the paths of all files in a folder, except in hidden folders and node_modules. A subfolder that cannot be read,
 * such as `lost+found`, is listed in `unreadable`, with the reason.
 */
async function listing(fs, path, folder, given) {
  const paths = [];
  const unreadable = [];
  const visit = async (below, depth) => {
    const entries = await fs.readdir(path.join(folder, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      const inside = entry.isSymbolicLink() ? await fs.stat(path.join(folder, name)).catch(() => undefined) : entry;
      const closed = depth >= MAX_DEPTH || /^(\.|node_modules$)/.test(entry.name);
      if (inside?.isFile()) paths.push(name);
      else if (inside?.isDirectory() && !closed) {
        await visit(name, depth + 1).catch((cause) => unreadable.push({ name, cause }));
      }
    }
  };
  try {
    await visit("", 0);
  } catch (cause) {
    if (cause?.code === "ENOENT") {
      throw new CoromError("MISSING_FILE", `${folder}: the folder does not exist${hubHint(given)}`, { cause });
    }
    if (cause?.code === "ENOTDIR") {
      throw new CoromError("MISSING_FILE", `${folder} is a file; expected a folder, or the .onnx file of a model`, { cause });
    }
    throw cannotBeRead(folder, cause);
  }
  return { paths, unreadable };
}

/** Returns what to write if a path that does not exist looks like the name of a model on a hub. */
function hubHint(given) {
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(given)) return "";
  return `; a model of a hub is loaded by huggingface("${given}") or modelscope("${given}") of corom/hub`;
}

function cannotBeRead(folder, cause) {
  return new CoromError("FETCH_FAILED", `${folder}: the folder cannot be read: ${messageOf(cause)}`, { cause });
}

/** Opens a file from byte `from` on, up to byte `to` if that is given. */
async function openFile(fs, file, { from = 0, to = Infinity } = {}) {
  const failed = (cause) => {
    throw new CoromError("FETCH_FAILED", `${file}: the file cannot be read: ${messageOf(cause)}`, { cause });
  };
  const handle = await fs.open(file).catch((cause) => (cause?.code === "ENOENT" ? null : failed(cause)));
  if (handle === null) return null;
  try {
    const { size } = await handle.stat().catch(failed);
    const isPartial = from > 0 || to < size;
    const chunks = chunksOf(handle, { from, to: Math.min(to, size), failed });
    return { offset: from, total: size, isPartial, chunks, cancel: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Yields the chunks of a file. A chunk is valid until the next chunk is requested. */
async function* chunksOf(handle, { from, to, failed }) {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, to - from)));
  try {
    for (let at = from; at < to;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, to - at), at).catch(failed);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
