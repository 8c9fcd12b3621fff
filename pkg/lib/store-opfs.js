// Store (see cache.js) in the origin private file system: a segment is a file.
import { partsOfBlob } from "./blob-parts.js";
import { untilUncontended } from "./contention.js";
import { askToClose, openFiles } from "./opfs-handles.js";

const ROOT_FOLDER = "corom";

/** Errors of writing and removing beside others: the folder was removed, or a file in it is being written. */
const CONTENDED = ["NotFoundError", "NoModificationAllowedError", "InvalidModificationError", "InvalidStateError"];
const isContended = (error) => CONTENDED.includes(error?.name);
/** Errors of reading a File that was removed or replaced after it was opened. */
const isReplaced = (error) => ["NotFoundError", "NotReadableError"].includes(error?.name);

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
  #open = openFiles();

  constructor(origin) {
    this.#origin = origin;
  }

  async read(folder, name) {
    return this.#readWith(folder, name, async (file) => new Uint8Array(await file.arrayBuffer()));
  }

  async readParts(folder, name, ranges) {
    const parts = await this.#open?.read(`${folder}/${name}`, ranges, () => this.#handle(folder, name));
    return parts ?? this.#readWith(folder, name, (file) => partsOfBlob(file, ranges));
  }

  /** Reads with `read(file)`. Another tab may remove or replace the file meanwhile: then it is opened again. */
  async #readWith(folder, name, read) {
    return untilUncontended(async () => {
      const file = await this.#file(folder, name);
      return file && read(file);
    }, isReplaced);
  }

  async write(folder, name, bytes) {
    await this.#alone(() => this.#writeOnce(folder, name, bytes));
  }

  /** Runs `work` until no other operation is in its way. */
  async #alone(work) {
    await untilUncontended(work, (error) => {
      if (!isContended(error)) return false;
      this.#open?.giveWay();
      askToClose();
      return true;
    });
  }

  async #writeOnce(folder, name, bytes) {
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

  /** Removes an entry, or each one of a folder: a folder of which a file is being written cannot be removed as a whole. */
  async remove(folder, name) {
    const directory = await this.#directory(folder);
    if (!directory) return;
    const names = name === undefined ? await namesIn(directory) : [name];
    for (const each of names) await this.#alone(() => ifExists(directory.removeEntry(each)));
    if (name !== undefined) return;
    const root = await this.#origin.getDirectoryHandle(ROOT_FOLDER);
    await ifExists(root.removeEntry(folder)).catch((error) => {
      if (!isContended(error)) throw error; // others write into it
    });
  }

  async *folders() {
    const root = await ifExists(this.#origin.getDirectoryHandle(ROOT_FOLDER));
    if (root) for await (const [name, handle] of root.entries()) if (handle.kind === "directory") yield name;
  }

  async *names(folder) {
    const directory = await this.#directory(folder);
    if (directory) for await (const [name, handle] of entriesOf(directory)) if (handle.kind === "file") yield name;
  }

  async sizeOf(folder, name) {
    return (await this.#file(folder, name))?.size ?? 0;
  }

  async modifiedAt(folder, name) {
    return (await this.#file(folder, name))?.lastModified ?? 0;
  }

  async #file(folder, name) {
    const handle = await this.#handle(folder, name);
    return handle && ifExists(handle.getFile());
  }

  async #handle(folder, name) {
    const directory = await this.#directory(folder);
    return directory && ifExists(directory.getFileHandle(name));
  }

  async #directory(folder) {
    const root = await ifExists(this.#origin.getDirectoryHandle(ROOT_FOLDER));
    return root && ifExists(root.getDirectoryHandle(folder));
  }
}

/** Yields the entries of a folder, until there are no more or the folder is removed. */
async function* entriesOf(directory) {
  const entries = directory.entries();
  for (let entry; (entry = await ifExists(entries.next())) !== undefined && !entry.done;) yield entry.value;
}

async function namesIn(directory) {
  const names = [];
  for await (const [name] of entriesOf(directory)) names.push(name);
  return names;
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
