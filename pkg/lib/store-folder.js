// Store (see cache.js) in a folder on disk, in Node, Deno and Bun: a segment is a file.
import { untilUncontended } from "./contention.js";
import { invalid, messageOf } from "./errors.js";

/** Errors of operations that meet another one: a folder is gone, or on Windows a file is open. */
const CONTENDED = ["ENOENT", "EBUSY", "EPERM"];
const isContended = (error) => CONTENDED.includes(error?.code);

/** Opens the store in `dir`, a path or a file: URL as text. The folder is created by the first write. */
export async function folderStore(dir) {
  const [fs, path, url] = await Promise.all([import("node:fs/promises"), import("node:path"), import("node:url")]);
  return new FolderStore(fs, path, path.resolve(/^file:/i.test(dir) ? pathOf(url, dir) : dir));
}

function pathOf(url, dir) {
  try {
    return url.fileURLToPath(dir);
  } catch (cause) {
    throw invalid(`cacheDir: ${dir} is not the URL of a local folder: ${messageOf(cause)}`, { cause });
  }
}

class FolderStore {
  #fs;
  #path;
  #dir;

  constructor(fs, path, dir) {
    this.#fs = fs;
    this.#path = path;
    this.#dir = dir;
  }

  async read(folder, name) {
    const bytes = await ifExists(this.#fs.readFile(this.#at(folder, name)));
    return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  async readParts(folder, name, ranges) {
    const handle = await ifExists(this.#fs.open(this.#at(folder, name)));
    if (handle === undefined) return undefined;
    try {
      const parts = [];
      for (const [from, to] of ranges) {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(to - from), 0, to - from, from);
        parts.push(buffer.subarray(0, bytesRead));
      }
      return parts;
    } finally {
      await handle.close();
    }
  }

  /**
   * Writes a temporary file and renames it, so that another process reads all of the bytes or none. Another program may
   * empty the cache meanwhile, or take this one for ended: another container has other process ids.
   */
  async write(folder, name, bytes) {
    await untilUncontended(() => this.#writeOnce(folder, name, bytes), isContended);
  }

  async #writeOnce(folder, name, bytes) {
    await this.#makeFolder(this.#at(folder));
    const temporary = this.#at(folder, `.${name}.${process.pid}.${Math.random().toString(36).slice(2)}`);
    try {
      await this.#fs.writeFile(temporary, bytes);
      await this.#fs.rename(temporary, this.#at(folder, name));
    } catch (error) {
      await this.#fs.rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** Creates a folder and those above it. Node's option `recursive` never ends in /proc. */
  async #makeFolder(folder) {
    const make = () => this.#fs.mkdir(folder).catch((error) => error.code === "EEXIST" || Promise.reject(error));
    await make().catch(async (error) => {
      const parent = this.#path.dirname(folder);
      if (error.code !== "ENOENT" || parent === folder) throw error;
      await this.#makeFolder(parent);
      await make();
    });
  }

  async remove(...at) {
    const remove = () => this.#fs.rm(this.#at(...at), { recursive: true, force: true });
    await untilUncontended(remove, isContended).catch((error) => {
      // What was in the folder is removed, and another program has written into it since.
      if (error?.code !== "ENOTEMPTY") throw error;
    });
  }

  async *folders() {
    for (const entry of (await ifExists(this.#fs.readdir(this.#dir, { withFileTypes: true }))) ?? [])
      if (entry.isDirectory()) yield entry.name;
  }

  async *names(folder) {
    for (const entry of (await ifExists(this.#fs.readdir(this.#at(folder), { withFileTypes: true }))) ?? [])
      if (entry.isFile()) yield entry.name;
  }

  /** Returns whether the process that was writing a temporary file has ended. */
  isAbandoned(name) {
    const pid = Number(/^\..*\.(\d+)\.[^.]*$/.exec(name)?.[1]);
    // Deno would ask for a permission.
    if (!pid || pid === process.pid || globalThis.Deno) return false;
    try {
      process.kill(pid, 0); // sends no signal
      return false;
    } catch (error) {
      return error?.code === "ESRCH";
    }
  }

  async sizeOf(folder, name) {
    return (await ifExists(this.#fs.stat(this.#at(folder, name))))?.size ?? 0;
  }

  async modifiedAt(folder, name) {
    return (await ifExists(this.#fs.stat(this.#at(folder, name))))?.mtimeMs ?? 0;
  }

  #at(...parts) {
    return this.#path.join(this.#dir, ...parts);
  }
}

/** Awaits a file operation; undefined if the file does not exist. */
async function ifExists(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error?.code === "ENOENT") return undefined;
    throw error;
  }
}
