// Cache of downloads, keyed by content: the folder of a file is the SHA-256 from its manifest. Two versions of a file
// never mix, and everything that is read is checked like a download. Files without a manifest are keyed by the server's
// version of them (versioned-files.js).
//
// Data layout: a file is a chain of segments, each named by the offset of its first byte. The cached part of the file
// is the chain that starts at byte 0. A download can therefore continue at any byte, and a segment that is only half
// written is never read.
//
// A store (store-*.js) keeps bytes by folder and name:
//   read(folder, name)         the bytes, or undefined
//   readParts(folder, name, ranges)   the bytes of each range `[from, to]`, as far as there are any; undefined if there is
//                              no entry
//   write(folder, name, bytes) writes all bytes or none
//   remove(folder, name?)      removes an entry, or the whole folder
//   folders(), names(folder)   iterate over the names
//   sizeOf(folder, name)       bytes, 0 if there is no entry
//   modifiedAt(folder, name)   time of the last write in milliseconds since the epoch, 0 if unknown
//   isAbandoned(name)          optional: whether the program that was writing the unfinished entry has ended
import { reasonOf, throwIfAborted } from "./abort.js";
import { answered, answeringStore } from "./answering-store.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import {
  readCatalogRecord,
  readDeviceChoice,
  readManifest,
  readRecord,
  storeCatalogRecord,
  storeDeviceChoice,
  storeManifest,
  storeRecord,
} from "./cached-manifests.js";
import { DIGEST_NAME } from "./cached-models.js";
import { isQuotaExceeded } from "./quota.js";
import { SegmentReader } from "./segment-reader.js";
import { cacheApiStore } from "./store-cache-api.js";
import { opfsStore } from "./store-opfs.js";
import { decodeText, encodeText } from "./text.js";

/** Maximum size of a segment. */
const SEGMENT_BYTES = 1 << 20;

/**
 * Opens the cache that the options select; undefined if there is none. `warn(code, message, cause)` is called if the
 * cache fails later.
 */
export async function openCache(host, { cache, cacheDir, signal }, warn) {
  if (cache === "none") return undefined;
  let store;
  try {
    store = await answered(openStore(host, cache, cacheDir), { signal, abortedLimitMs: 0 });
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof CoromError) throw cause;
    warn("CACHE_FAILED", `cache: ${messageOf(cause)}; loading continues without the cache`, cause);
  }
  return store && new Cache(answeringStore(store, { signal }), warn, signal);
}

/** Checks that the host has a cache of the kind that the options select. */
export function checkCacheOptions(host, { cacheDir }) {
  if (cacheDir !== undefined && !host.folderStore) throw invalid("cacheDir: this host has no file system; omit cacheDir");
}

async function openStore(host, cache, cacheDir) {
  if (cacheDir !== undefined) return host.folderStore(cacheDir);
  const browser = globalThis.isSecureContext === true;
  if (cache === "auto") return browser ? ((await opfsStore()) ?? (await cacheApiStore())) : undefined;
  const store = cache === "opfs" ? await opfsStore() : await cacheApiStore();
  if (store) return store;
  const message = `cache: "${cache}" is not available here; use "auto" to pick an available one`;
  throw new CoromError("UNSUPPORTED_HOST", message);
}

class Cache {
  #store;
  #warn;
  #signal;
  #hasFailed = false;
  #isFull = false;

  constructor(store, warn, signal) {
    this.#store = store;
    this.#warn = warn;
    this.#signal = signal;
  }

  /** True after an error of the store: nothing more is read or written. */
  get hasFailed() {
    return this.#hasFailed;
  }

  /** True after a write for which there was no room. */
  get isFull() {
    return this.#isFull;
  }

  /** Reads and writes the store again after it has failed or was full: there may be room now. */
  tryAgain() {
    this.#hasFailed = this.#isFull = false;
  }

  /** Returns the entry of the file with this SHA-256. The entry may be empty or incomplete. */
  entry(sha256) {
    return new CacheEntry(sha256, {
      read: (name) => this.#attempt(() => this.#store.read(sha256, name)),
      readParts: (name, ranges) => this.#attempt(() => this.#store.readParts(sha256, name, ranges)),
      names: () => this.#attempt(() => listOf(this.#store.names(sha256))),
      write: async (name, bytes) => this.#isFull || this.#attempt(() => this.#store.write(sha256, name, bytes)),
      sizeOf: (name) => this.#attempt(() => this.#store.sizeOf(sha256, name)),
      drop: () => this.#attempt(() => this.#store.remove(sha256)),
    });
  }

  /** Returns the cached manifest of a URL, or undefined. */
  async manifest(url) {
    return this.#attempt(() => readManifest(this.#store, url));
  }

  /** Stores the manifest of a loaded model, and deletes files that no stored manifest needs. */
  async storeManifest(url, bytes) {
    await this.#attempt(() => storeManifest(this.#store, url, bytes, { isFull: this.#isFull }));
  }

  /** Returns the cached record of a URL (versioned-files.js), or undefined. */
  async record(url) {
    return this.#attempt(() => readRecord(this.#store, url));
  }

  /** Stores the record of a loaded model, as `storeManifest` does. */
  async storeRecord(url, bytes, { replacesManifest }) {
    await this.#attempt(() => storeRecord(this.#store, url, bytes, { isFull: this.#isFull, replacesManifest }));
  }

  /** Returns the cached record of a catalog (search/record.js), or undefined. */
  async catalogRecord(url) {
    return this.#attempt(() => readCatalogRecord(this.#store, url));
  }

  /** Stores the record of a loaded catalog, as `storeManifest` does. */
  async storeCatalogRecord(url, bytes) {
    await this.#attempt(() => storeCatalogRecord(this.#store, url, bytes, { isFull: this.#isFull }));
  }

  /** Returns what device/choices.js has stored under a key, or undefined. */
  async deviceChoice(key) {
    return this.#attempt(() => readDeviceChoice(this.#store, key));
  }

  async storeDeviceChoice(key, bytes) {
    await this.#attempt(() => storeDeviceChoice(this.#store, key, bytes));
  }

  /**
   * Runs `work` on the store. After the store has failed, does nothing and returns undefined, so that the load
   * continues without the cache. A store that is full is still read, and entries are still deleted.
   */
  async #attempt(work) {
    if (this.#hasFailed) return undefined;
    try {
      return await work();
    } catch (cause) {
      if (this.#hasFailed) return undefined; // another operation has already reported the failure
      if (this.#signal?.aborted) {
        this.#hasFailed = true;
        throw reasonOf(this.#signal);
      }
      if (isQuotaExceeded(cause)) {
        if (!this.#isFull) this.#warn("CACHE_FULL", "cache: storage is full; further downloads are not cached", cause);
        this.#isFull = true;
      } else {
        this.#hasFailed = true;
        this.#warn("CACHE_FAILED", `cache: ${messageOf(cause)}; loading continues without the cache`, cause);
      }
      return undefined;
    }
  }
}

/** One file in the cache. */
class CacheEntry {
  #store;
  #buffer;
  #filled = 0;
  #reader;
  /** Bytes of the file that are stored. */
  length = 0;

  constructor(sha256, store) {
    this.sha256 = sha256;
    this.#store = store;
    this.#reader = new SegmentReader(store);
  }

  /** Yields the stored segments from byte 0. Data appended afterwards follows them. */
  async *segments() {
    this.length = 0;
    for (;;) {
      const segment = await this.#store.read(String(this.length));
      if (!segment?.length) return;
      this.length += segment.length;
      yield segment;
    }
  }

  /** Returns the number of stored bytes without reading them. */
  async storedBytes() {
    for (let length = 0; ;) {
      const size = await this.#store.sizeOf(String(length));
      if (!size) return length;
      length += size;
    }
  }

  /** Returns the bytes of each place `[from, to]`; undefined for one that is not stored. */
  async readParts(places) {
    return this.#reader.read(places);
  }

  /** Appends bytes, and writes each full segment. */
  async append(bytes) {
    this.#buffer ??= new Uint8Array(SEGMENT_BYTES);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + SEGMENT_BYTES - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === SEGMENT_BYTES) await this.flush();
    }
  }

  /** Writes the last, incomplete segment. */
  async flush() {
    if (this.#filled === 0) return;
    const segment = this.#buffer.subarray(0, this.#filled);
    const name = String(this.length);
    this.length += this.#filled;
    this.#filled = 0;
    await this.#store.write(name, segment);
  }

  /** Stores the size and the digest of the complete file. */
  async writeDigest(digest) {
    await this.#store.write(DIGEST_NAME, encodeText(JSON.stringify(digest)));
  }

  /** Returns `{ size, digest }` if the file was completely stored, otherwise undefined. */
  async readDigest() {
    const bytes = await this.#store.read(DIGEST_NAME);
    try {
      const { size, digest } = JSON.parse(decodeText(bytes));
      return Number.isInteger(size) && typeof digest === "string" ? { size, digest } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Deletes all segments. */
  async drop() {
    this.length = this.#filled = 0;
    this.#reader.reset();
    await this.#store.drop();
  }
}

async function listOf(iterable) {
  const list = [];
  for await (const each of iterable) list.push(each);
  return list;
}
