// What was downloaded is kept by content: a file under the SHA-256 that its manifest gives it, so a new version never
// mixes with an old one, and whatever is read is checked like a download.
//
// A file is kept in pieces, named by where they begin: what is there of it is the chain of pieces from byte 0 on. So a
// download that broke off is continued at any byte, and nobody ever sees a piece that is half written.
//
// A store (store-*.js) keeps bytes by folder and name: read (undefined when there is nothing), write (all or nothing),
// remove (a name, or a whole folder), the lists folders and names, sizeOf, and changed (when it was written: ms as
// Date.now() has them, 0 when unknown).
import { CoromError, invalid, messageOf } from "./errors.js";
import { checkCacheDir, describeValue } from "./arguments.js";
import { MANIFESTS, SHA256, isCacheFile, storeManifest, readManifest } from "./cached-manifests.js";
import { isQuotaExceeded } from "./quota.js";
import { cacheApiStore } from "./store-cache-api.js";
import { opfsStore } from "./store-opfs.js";

const SEGMENT_BYTES = 1 << 20;

/** The cache that the options ask for, or undefined. `warn(code, message, cause)` hears when it fails later. */
export async function openCache(host, { cache, cacheDir }, warn) {
  const store = cache === "none" ? undefined : await openStore(host, cache, cacheDir);
  return store && new Cache(store, warn);
}

async function openStore(host, cache, cacheDir) {
  if (cacheDir !== undefined) return openFolderStore(host, cacheDir);
  const browser = globalThis.isSecureContext === true;
  if (cache === "auto") return browser ? ((await opfsStore()) ?? (await cacheApiStore())) : undefined;
  const store = cache === "opfs" ? await opfsStore() : await cacheApiStore();
  if (store) return store;
  throw new CoromError("UNSUPPORTED_HOST", `cache: "${cache}" is not to be had here; "auto" takes what there is`);
}

function openFolderStore(host, dir) {
  if (host.folderStore) return host.folderStore(dir);
  throw invalid("cacheDir: there is no file system here; leave it out");
}

class Cache {
  #store;
  #warn;
  #hasFailed = false;
  #isFull = false;

  constructor(store, warn) {
    this.#store = store;
    this.#warn = warn;
  }

  /** The file of this SHA-256, whatever there is of it. */
  entry(sha256) {
    return new CacheEntry(sha256, {
      read: (name) => this.#attempt(() => this.#store.read(sha256, name)),
      write: async (name, bytes) => this.#isFull || this.#attempt(() => this.#store.write(sha256, name, bytes)),
      sizeOf: (name) => this.#attempt(() => this.#store.sizeOf(sha256, name)),
      drop: () => this.#attempt(() => this.#store.remove(sha256)),
    });
  }

  /** The manifest that was kept for an address, or undefined. */
  async manifest(address) {
    return this.#attempt(() => readManifest(this.#store, address));
  }

  /** Keeps the manifest of a model that loaded, and drops the files that are of no more use. */
  async storeManifest(address, bytes) {
    await this.#attempt(() => storeManifest(this.#store, address, bytes, { isFull: this.#isFull }));
  }

  /** undefined once the store has failed: the load goes on without it. One that is full is still read and emptied. */
  async #attempt(work) {
    if (this.#hasFailed) return undefined;
    try {
      return await work();
    } catch (cause) {
      if (this.#hasFailed) return undefined; // one that was under way
      if (isQuotaExceeded(cause)) {
        if (!this.#isFull) this.#warn("CACHE_FULL", "the cache is full; what does not fit is not kept", cause);
        this.#isFull = true;
      } else {
        this.#hasFailed = true;
        this.#warn("CACHE_FAILED", `the cache failed (${messageOf(cause)}); the model is loaded without it`, cause);
      }
      return undefined;
    }
  }
}

class CacheEntry {
  #store;
  #buffer;
  #filled = 0;
  /** Bytes that are kept. */
  length = 0;

  constructor(sha256, store) {
    this.sha256 = sha256;
    this.#store = store;
  }

  /** The pieces from the beginning, as far as they reach; what is appended then follows them. */
  async *segments() {
    this.length = 0;
    for (;;) {
      const segment = await this.#store.read(String(this.length));
      if (!segment?.length) return;
      this.length += segment.length;
      yield segment;
    }
  }

  /** How far the pieces reach, without reading them. */
  async storedBytes() {
    for (let length = 0; ;) {
      const size = await this.#store.sizeOf(String(length));
      if (!size) return length;
      length += size;
    }
  }

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

  /** Writes what is not yet a whole segment. */
  async flush() {
    if (this.#filled === 0) return;
    const segment = this.#buffer.subarray(0, this.#filled);
    const name = String(this.length);
    this.length += this.#filled;
    this.#filled = 0;
    await this.#store.write(name, segment);
  }

  async drop() {
    this.length = this.#filled = 0;
    await this.#store.drop();
  }
}

/** What `Corom.cache` is: a report of the size, and a way to be rid of it all. */
export function modelCache(host) {
  const visit = async (options, each) => {
    try {
      await visitAll(options, each);
    } catch (cause) {
      if (cause instanceof CoromError) throw cause;
      throw new CoromError("UNSUPPORTED_HOST", `the cache cannot be used here: ${messageOf(cause)}`, { cause });
    }
  };
  const visitAll = async (options = {}, each) => {
    if (options === null || typeof options !== "object")
      throw invalid(`options must be an object, not ${describeValue(options)}`);
    const cacheDir = checkCacheDir(options.cacheDir);
    if (host.folderStore && cacheDir === undefined) throw invalid("cacheDir is missing: there is no other cache here");
    const stores =
      cacheDir === undefined ? [await opfsStore(), await cacheApiStore()] : [await openFolderStore(host, cacheDir)];
    for (const store of stores.filter(Boolean)) {
      const folders = [];
      for await (const folder of store.folders()) if (folder === MANIFESTS || SHA256.test(folder)) folders.push(folder);
      for (const folder of folders) await each(store, folder);
    }
  };
  return Object.freeze({
    /** Bytes kept, and how many files they are of. */
    async size(options) {
      let [bytes, files] = [0, 0];
      await visit(options, async (store, folder) => {
        if (folder !== MANIFESTS) files++;
        for await (const name of store.names(folder)) bytes += await store.sizeOf(folder, name);
      });
      return { bytes, files };
    },
    async clear(options) {
      await visit(options, async (store, folder) => {
        const names = [];
        for await (const name of store.names(folder)) names.push(name);
        const cacheFiles = names.filter((name) => isCacheFile(folder, name));
        if (cacheFiles.length === names.length) await store.remove(folder);
        else for (const name of cacheFiles) await store.remove(folder, name);
      });
    },
  });
}
