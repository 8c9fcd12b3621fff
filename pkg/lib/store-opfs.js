// Store (see cache.js) in the origin private file system: a segment is a file.

const ROOT_FOLDER = "corom";

/** Opens the store; undefined if there is no writable file system, as in private windows and older browsers. */
export async function opfsStore() {
  // createWritable also works outside workers, and the file appears as a whole or not at all.
  const writable = globalThis.FileSystemFileHandle?.prototype.createWritable;
  if (!globalThis.navigator?.storage?.getDirectory || !writable) return undefined;
  try {
    return new OpfsStore(await navigator.storage.getDirectory());
  } catch {
    return undefined;
  }
}

class OpfsStore {
  #origin;

  constructor(origin) {
    this.#origin = origin;
  }

  async read(folder, name) {
    const file = await this.#file(folder, name);
    return file && new Uint8Array(await file.arrayBuffer());
  }

  async readPart(folder, name, from, to) {
    const file = await this.#file(folder, name);
    return file && new Uint8Array(await file.slice(from, to).arrayBuffer());
  }

  async write(folder, name, bytes) {
    const root = await this.#origin.getDirectoryHandle(ROOT_FOLDER, { create: true });
    const directory = await root.getDirectoryHandle(folder, { create: true });
    const handle = await directory.getFileHandle(name, { create: true });
    const writable = await handle.createWritable();
    try {
      await writable.write(bytes);
      await writable.close();
    } catch (error) {
      await writable.abort().catch(() => {});
      await directory.removeEntry(name).catch(() => {}); // getFileHandle created an empty file
      throw error;
    }
  }

  async remove(folder, name) {
    const root = await ifExists(this.#origin.getDirectoryHandle(ROOT_FOLDER));
    const within = name === undefined ? root : root && (await ifExists(root.getDirectoryHandle(folder)));
    if (within) await ifExists(within.removeEntry(name ?? folder, { recursive: true }));
  }

  async *folders() {
    const root = await ifExists(this.#origin.getDirectoryHandle(ROOT_FOLDER));
    if (root) for await (const [name, handle] of root.entries()) if (handle.kind === "directory") yield name;
  }

  async *names(folder) {
    const directory = await this.#directory(folder);
    if (directory) for await (const [name, handle] of directory.entries()) if (handle.kind === "file") yield name;
  }

  async sizeOf(folder, name) {
    return (await this.#file(folder, name))?.size ?? 0;
  }

  async modifiedAt(folder, name) {
    return (await this.#file(folder, name))?.lastModified ?? 0;
  }

  async #file(folder, name) {
    const directory = await this.#directory(folder);
    const handle = directory && (await ifExists(directory.getFileHandle(name)));
    return handle && ifExists(handle.getFile());
  }

  async #directory(folder) {
    const root = await ifExists(this.#origin.getDirectoryHandle(ROOT_FOLDER));
    return root && ifExists(root.getDirectoryHandle(folder));
  }
}

/** Awaits a file operation; undefined if the file does not exist. */
async function ifExists(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error?.name === "NotFoundError") return undefined;
    throw error;
  }
}
