// The files of a catalog's source: transfers them from the cache or a server, and keeps them in the cache.
//
// A file is named after its hash, so the cache has it under its name, whatever address it came from. The cache also has
// a record per address: the names and sizes of the files that were loaded last. It is used when no server can be reached,
// and says which files are still needed; it is replaced after a load only, so an interrupted update loses nothing.
import { CoromError, invalid } from "../errors.js";
import { checkCacheOptions, openCache } from "../cache.js";
import { sha256 } from "../cached-manifests.js";
import { isBlob, isBytes, isResponse } from "../bytes.js";
import { Prefetch } from "../prefetch.js";
import { blobOf, memorySource } from "../source-memory.js";
import { decodeText, encodeText } from "../text.js";
import { Transfer } from "../transfer.js";
import { isTransient } from "../transient.js";
import { LIST, hashInName } from "./list.js";
import { RowReader } from "./rows.js";

/** Name of a file that is given without a folder. */
const SINGLE = "catalog";

/** Returns whether a source is one file and not a folder. */
export const isSingleFile = (source) => isBytes(source) || isResponse(source) || isBlob(source);

export class CatalogFolder {
  #source;
  #options;
  #cache;
  #progress;
  #prefetch = new Prefetch();
  /** The mirror that served the last file. */
  #preferred = { index: 0 };
  #isSingle;
  /** True if the names are those of the record, because no server could be reached. */
  isOffline = false;

  /** Opens a source. `options` are those of `catalogLoadOptions`; `progress` is a ProgressReporter. */
  static async open(host, source, options, progress) {
    checkCacheOptions(host, options);
    const folder = new CatalogFolder();
    folder.#isSingle = isSingleFile(source);
    folder.#source = folder.#isSingle
      ? memorySource({ [SINGLE]: isResponse(source) ? await blobOf("source", source) : source })
      : await openSource(host, source);
    folder.#options = options;
    folder.#progress = progress;
    const isRemote = folder.#source.manifestUrl !== undefined;
    const warn = (...warning) => progress.warn(...warning);
    if (isRemote) {
      const { fetch, stallTimeoutMs, signal } = options;
      const how = { cache: "no-cache", required: true, fetch, stallTimeoutMs, signal };
      folder.#prefetch.start(folder.#source.mirrors[0], LIST, how);
      try {
        folder.#cache = await openCache(host, options, warn);
      } catch (error) {
        folder.close();
        throw error;
      }
    }
    return folder;
  }

  /** The address of the folder; undefined for files in memory. */
  get address() {
    return this.#source.address;
  }

  /** Cancels the request that was sent early, unless it was used. */
  close() {
    this.#prefetch.cancelAll();
  }

  /** Returns the names of the files: the catalog, then its deltas. */
  async names(receiver, signal) {
    if (this.#isSingle) return [SINGLE];
    const record = await this.#record();
    this.isOffline = false;
    this.#progress.expect(LIST);
    try {
      // With a fallback, only one retry is worth its time.
      const file = { path: LIST, required: true, isVerified: true, revalidate: true, hasFallback: record !== undefined };
      await this.#transfer(receiver, signal).transferFile(file);
      return receiver.names;
    } catch (error) {
      if (record === undefined || !isTransient(error)) throw error;
      this.#progress.remove(LIST);
      return this.#offline(record, error);
    }
  }

  /** Returns the names in the record after a network error, to be used without a server; undefined if there is none. */
  async namesOffline(error) {
    if (this.isOffline || !isTransient(error)) return undefined;
    const record = await this.#record();
    return record && this.#offline(record, error);
  }

  /** Receives a file. */
  async receive(name, receiver, signal) {
    this.#progress.expect(name);
    const contentKey = await this.#contentKeyOf(name);
    await this.#transfer(receiver, signal).transferFile({ path: name, required: true, isVerified: true, contentKey });
  }

  /** Returns a reader of the rows of the first of these files. `sizeOf(name)` is the size of a file. */
  async rows(names, sizeOf) {
    const [name] = names;
    const key = await this.#contentKeyOf(name);
    const transfer = (sink, { signal, progress }) => {
      progress.expect(name);
      const file = { path: name, required: true, isVerified: true, contentKey: key, isBegun: key !== undefined && sink.fed() > 0 };
      return this.#transfer(sink, signal, progress).transferFile(file);
    };
    const entry = key && this.#cache?.entry(key);
    const isRemote = this.#source.manifestUrl !== undefined;
    // The record is gone if the cache was emptied since the load. A later one stays.
    const hasNote = async () => names.some((name) => hashInName(name) === undefined) || (await this.#record()) !== undefined;
    const note = async () => (await hasNote()) || (await this.#note(names, sizeOf), hasNote());
    const how = { mirrors: this.#source.mirrors, preferred: this.#preferred, cache: this.#cache, options: this.#options };
    return new RowReader({ name, isRemote, entry, transfer, note, ...how });
  }

  /** Notes in the cache which files were loaded, and deletes those that nothing needs any more. */
  async keep(names, sizeOf) {
    if (this.#cache === undefined || this.isOffline || names.some((name) => hashInName(name) === undefined)) return;
    await this.#note(names, sizeOf);
  }

  async #note(names, sizeOf) {
    const files = [];
    for (const path of names) files.push({ path, key: await this.#contentKeyOf(path), size: sizeOf(path) });
    const bytes = encodeText(JSON.stringify({ format: "corom-catalog", files }));
    await this.#cache.storeCatalogRecord(this.#source.manifestUrl, bytes);
  }

  /** Returns the key of a file's content, that of the cache if there is one; undefined if its name does not identify it. */
  async #contentKeyOf(name) {
    if (hashInName(name) === undefined) return undefined;
    return this.#cache ? sha256(`corom catalog ${name}`) : name; // where nothing is kept, pages may have no crypto.subtle
  }

  #offline(names, error) {
    this.isOffline = true;
    this.#progress.warn("OFFLINE", `${error.message}; the cached catalog is used`, error);
    return names;
  }

  /** Returns the names in the record. One that is damaged counts as none. */
  async #record() {
    try {
      const { files } = JSON.parse(decodeText(await this.#cache.catalogRecord(this.#source.manifestUrl)));
      const names = files.map(({ path }) => path);
      return names.length > 0 && names.every((name) => hashInName(name) !== undefined) ? names : undefined;
    } catch (error) {
      if (error instanceof CoromError || this.#options.signal?.aborted) throw error;
      return undefined;
    }
  }

  /** A file has a transfer of its own: its hashes tell a wrong file, so files may come from different mirrors. */
  #transfer(receiver, signal, progress = this.#progress) {
    const { fetch, retries, stallTimeoutMs } = this.#options;
    const how = { source: this.#source, cache: this.#cache, progress, prefetch: this.#prefetch, preferred: this.#preferred };
    return new Transfer(receiver, { ...how, fetch, retries, stallTimeoutMs, signal });
  }
}

/** Opens a source that is a folder. */
async function openSource(host, source) {
  if (typeof source?.then === "function") throw invalid("source: got a promise; await it");
  try {
    return await host.openSource(source);
  } catch (error) {
    if (error?.cause?.code !== "ENOTDIR") throw error;
    const message = `${source} is a file; expected the folder of ${LIST}. Read a catalog file and pass its bytes`;
    throw new CoromError("MISSING_FILE", message, { cause: error });
  }
}
