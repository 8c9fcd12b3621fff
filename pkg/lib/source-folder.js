// A model folder on disk (Node).
import { throwIfAborted } from "./abort.js";
import { CoromError, messageOf } from "./errors.js";
import { allocate } from "./fetch.js";

/** How deep a listing goes below the folder: layouts in use have one level. */
const DEPTH = 3;
const CHUNK = 8 << 20;

/** The files of a folder, or of the folder that an .onnx file is in. */
export async function folderSource(given) {
  const path = await import("node:path");
  const fs = await import("node:fs/promises");
  const { folder, model } = split(path, given);
  const paths = await listing(fs, path, folder);
  return {
    model,
    paths,
    read: (file, options) => readFile(fs, path.join(folder, ...file.split("/")), options),
  };
}

function split(path, given) {
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
      const closed = depth >= DEPTH || /^(\.|node_modules$)/.test(entry.name);
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

async function readFile(fs, file, { signal, moved }) {
  const failed = (cause) => {
    throw new CoromError("FETCH_FAILED", `${file} could not be read: ${messageOf(cause)}`, { cause });
  };
  const handle = await fs.open(file).catch((cause) => (cause?.code === "ENOENT" ? null : failed(cause)));
  if (handle === null) return null;
  try {
    const { size } = await handle.stat().catch(failed);
    const bytes = allocate(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(CHUNK, size - at), at).catch(failed);
      if (bytesRead === 0) break; // it shrank while we read
      throwIfAborted(signal);
      moved((at += bytesRead), size);
    }
    return bytes.subarray(0, at);
  } finally {
    await handle.close();
  }
}
