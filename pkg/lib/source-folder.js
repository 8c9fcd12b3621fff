// A model folder on disk (Node).
import { CoromError, messageOf } from "./errors.js";

/** How deep a listing goes below the folder: layouts in use have one level. */
const MAX_DEPTH = 3;
/** How much of a file is read at once. */
const CHUNK_BYTES = 1 << 20;

/** The files of a folder, or of the folder that an .onnx file is in. */
export async function folderSource(given) {
  const path = await import("node:path");
  const fs = await import("node:fs/promises");
  const { folder, model } = splitModelPath(path, given);
  const paths = await listing(fs, path, folder);
  return {
    model,
    paths,
    mirrors: [{ open: (file) => openFile(fs, path.join(folder, ...file.split("/"))) }],
  };
}

function splitModelPath(path, given) {
  const full = path.resolve(given);
  if (!/\.onnx$/i.test(full)) return { folder: full, model: undefined };
  const folder = path.dirname(full);
  const name = path.basename(full);
  return path.basename(folder) === "onnx"
    ? { folder: path.dirname(folder), model: `onnx/${name}` }
    : { folder, model: name };
}

async function listing(fs, path, folder) {
  const found = [];
  const visit = async (below, depth) => {
    const entries = await fs.readdir(path.join(folder, below), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      const inside = entry.isSymbolicLink() ? await fs.stat(path.join(folder, name)).catch(() => undefined) : entry;
      const closed = depth >= MAX_DEPTH || /^(\.|node_modules$)/.test(entry.name);
      if (inside?.isFile()) found.push(name);
      else if (inside?.isDirectory() && !closed) await visit(name, depth + 1);
    }
  };
  try {
    await visit("", 0);
  } catch (cause) {
    if (cause?.code === "ENOENT") throw new CoromError("MISSING_FILE", `there is no folder ${folder}`, { cause });
    throw new CoromError("FETCH_FAILED", `${folder} could not be read as a folder: ${messageOf(cause)}`, { cause });
  }
  return found;
}

async function openFile(fs, file) {
  const failed = (cause) => {
    throw new CoromError("FETCH_FAILED", `${file} could not be read: ${messageOf(cause)}`, { cause });
  };
  const handle = await fs.open(file).catch((cause) => (cause?.code === "ENOENT" ? null : failed(cause)));
  if (handle === null) return null;
  try {
    const { size } = await handle.stat().catch(failed);
    return { offset: 0, total: size, chunks: chunksOf(handle, failed), cancel: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Each chunk is good until the next one is asked for. */
async function* chunksOf(handle, failed) {
  const buffer = new Uint8Array(CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES).catch(failed);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
