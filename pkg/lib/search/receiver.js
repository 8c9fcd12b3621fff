// Receives the files of a catalog from a transfer (transfer.js). Their bytes go into the memory of the catalog's instance,
// which checks them as they arrive.
import { CoromError } from "../errors.js";
import { LIST, MAX_LIST_BYTES, hashInName, namesIn } from "./list.js";

/** Bytes of a file of which only a part is needed that are taken at once. */
const PART_STEP_BYTES = 1 << 16;
/** Bytes that are requested of such a file at first. They have the header, which says where the part ends. */
const FIRST_RANGE_BYTES = 1 << 18;

export class CatalogReceiver {
  #instance;
  #files = new Map(); // name -> CatalogFile of the binding
  #list = [];
  #listBytes = 0;
  #names;
  #part;
  #watched;
  #resolveKeywords;
  /** Resolves when the keywords of the watched file have arrived. */
  keywords;

  /** `part`: of the watched file only a part is received, without vectors (`keywords`) or without their rows (`codes`). */
  constructor(instance, { part } = {}) {
    this.#instance = instance;
    this.#part = part;
  }

  /** Names the file that is the catalog itself. */
  watch(name) {
    this.#watched = name;
    this.keywords = new Promise((resolve) => (this.#resolveKeywords = resolve));
    if (this.#files.has(name) && this.#hasKeywords(name)) this.#resolveKeywords();
  }

  begin(path, size) {
    if (path === LIST) {
      this.#list = [];
      this.#listBytes = 0;
      return;
    }
    this.drop(path);
    // Memory is reserved for the announced size, or for the part that is received.
    const part = this.#isPart(path) ? this.#part : undefined;
    this.#files.set(path, this.#instance.call(({ CatalogFile }) => new CatalogFile(size, part)));
  }

  fed(path) {
    return path === LIST ? this.#listBytes : this.#call(path, (file) => file.received());
  }

  feed(path, chunk) {
    if (path === LIST) {
      this.#list.push(chunk.slice());
      this.#listBytes += chunk.length;
      if (this.#listBytes > MAX_LIST_BYTES) throw new CoromError("INVALID_CATALOG", `${LIST}: it has more than 1 MiB`);
      return;
    }
    // Of a part, little more than it has is taken into memory.
    const step = this.#isPart(path) ? PART_STEP_BYTES : chunk.length;
    for (let at = 0; at < chunk.length && !this.hasEnough(path); at += step) {
      this.#call(path, (file) => file.feed(chunk.subarray(at, at + step)));
    }
    if (path === this.#watched && this.#hasKeywords(path)) this.#resolveKeywords();
  }

  async end(path) {
    if (path === LIST) {
      const bytes = new Uint8Array(await new Blob(this.#list.splice(0)).arrayBuffer());
      this.#names = namesIn(bytes);
      return;
    }
    if (this.hasEnough(path)) return;
    const found = this.#call(path, (file) => (file.checkComplete(), file.hash()));
    const expected = hashInName(path);
    if (expected === undefined || found.startsWith(expected)) return;
    throw new CoromError("INTEGRITY_MISMATCH", `${path}: its hash is ${found}, not the one in its name`);
  }

  missing(path) {
    const folder = path === LIST ? "expected a catalog folder, as `corom index build` writes it" : `${LIST} lists it`;
    throw new CoromError("MISSING_FILE", `${path} does not exist; ${folder}`);
  }

  isPage() {
    return false;
  }

  /** Returns the size of a file, when its header has arrived. */
  sizeOf(path) {
    return path === LIST ? undefined : this.#call(path, (file) => file.size());
  }

  /** Returns the size of the part that is received of a file, when its header has arrived; undefined for a whole file. */
  partBytes(path) {
    if (!this.#isPart(path) || !this.#files.has(path)) return undefined;
    return this.#call(path, (file) => (this.#part === "codes" ? file.codeBytes() : file.keywordBytes()));
  }

  /** Returns the byte before which the next request for a file ends; undefined if it asks for all that follows. */
  rangeEnd(path) {
    return this.#isPart(path) ? (this.partBytes(path) ?? FIRST_RANGE_BYTES) : undefined;
  }

  /** Returns true if no further bytes of a file are needed. */
  hasEnough(path) {
    return this.fed(path) >= this.partBytes(path); // undefined compares as false
  }

  /** Returns the names in catalog.json, which has been received. */
  get names() {
    return this.#names;
  }

  /** Returns a file, a CatalogFile of the binding. */
  file(path) {
    return this.#files.get(path);
  }

  /** Returns a file and forgets it. */
  take(path) {
    const file = this.#files.get(path);
    this.#files.delete(path);
    return file;
  }

  /** Returns true if a file has been received as a whole. */
  has(path) {
    const file = this.#files.get(path);
    return file !== undefined && this.#instance.call(() => file.received() === file.size());
  }

  /** Frees a file. */
  drop(path) {
    const file = this.take(path);
    if (file) this.#instance.call(() => file.free());
  }

  /** Frees all files that were not taken. None may be being received. */
  dropAll() {
    try {
      for (const path of [...this.#files.keys()]) this.drop(path);
    } catch {
      // The instance has crashed: its whole memory is released.
    }
  }

  #isPart(path) {
    return this.#part !== undefined && path === this.#watched;
  }

  #hasKeywords(path) {
    return this.#call(path, (file) => file.received() >= file.keywordBytes()); // undefined compares as false
  }

  #call(path, work) {
    const file = this.#files.get(path);
    try {
      return this.#instance.call(() => work(file));
    } catch (error) {
      if (!["INVALID_CATALOG", "INTEGRITY_MISMATCH", "UNSUPPORTED_FORMAT"].includes(error?.code)) throw error;
      throw new CoromError(error.code, `${path}: ${error.message.replace(/^(catalog|delta): /, "")}`, { cause: error });
    }
  }
}
