// A folder on disk, as the converter reads and writes it: synchronously.
import fs from "node:fs";
import path from "node:path";
import { openFiles } from "./folder-memory.js";

/** Levels of subfolders that are listed: `0_Transformer/onnx/`. */
const MAX_DEPTH = 2;

/** Opens `{ path }`, a folder that exists or that the first write creates, or files in memory. */
export function openFolder(given) {
  if (given.path === undefined) return openFiles(given);
  const root = given.path;
  const full = (file) => path.join(root, ...file.split("/"));
  let open; // the file that was read last
  const close = () => {
    if (open) fs.closeSync(open.descriptor);
    open = undefined;
  };
  return {
    list: () => namesIn(root),
    size(file) {
      try {
        const found = fs.statSync(full(file));
        return found.isFile() ? found.size : undefined;
      } catch (error) {
        if (["ENOENT", "ENOTDIR"].includes(error.code)) return undefined;
        throw error;
      }
    },
    readAt(file, offset, bytes) {
      if (open?.file !== file) {
        close();
        open = { file, descriptor: fs.openSync(full(file), "r") };
      }
      let read = 0;
      while (read < bytes.length) {
        const count = fs.readSync(open.descriptor, bytes, read, bytes.length - read, offset + read);
        if (count === 0) break;
        read += count;
      }
      return read;
    },
    write(file, bytes) {
      if (open?.file === file) close();
      fs.mkdirSync(root, { recursive: true });
      fs.writeFileSync(full(file), bytes);
    },
    close,
    result: () => ({ files: undefined, buffers: [] }),
  };
}

/** Lists the files in a folder and two levels below it. A subfolder that cannot be read ends with `/`. */
function namesIn(root, below = "", depth = 0) {
  const names = [];
  for (const entry of fs.readdirSync(path.join(root, below), { withFileTypes: true })) {
    const name = `${below}${entry.name}`;
    const kind = entry.isSymbolicLink() ? statOf(path.join(root, name)) : entry;
    if (kind?.isFile()) names.push(name);
    if (kind?.isDirectory() && depth < MAX_DEPTH) names.push(...namesOrFolder(root, `${name}/`, depth + 1));
  }
  return names;
}

function namesOrFolder(root, below, depth) {
  try {
    return namesIn(root, below, depth);
  } catch {
    return [below];
  }
}

function statOf(file) {
  try {
    return fs.statSync(file);
  } catch {
    return undefined; // a broken link
  }
}
