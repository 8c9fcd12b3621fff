// Keeps the files of a folder at a URL that has no corom.json. Such a folder has no hashes, so the server's own version
// of a file stands for its content: the ETag, or Last-Modified with the size.
//
// Data layout in the cache (cache.js):
//   <key>/0, <key>/1048576 …   the file's segments; the key is the SHA-256 of the file's URL and version
//   <key>/0.digest             size and digest of the complete file, which every read is checked against
//   manifests/<name>           the record: the keys of the last load's files, and the paths that did not exist
//
// With a server: each file is requested. If the response has a version that is kept, its body is cancelled, and the
// kept bytes are used. No request has a header of its own, so no browser sends a CORS preflight.
// Without a server: the files are those of the record, and paths that did not exist count as missing.
//
// Files of two versions of the folder must not meet in one load:
//   - Files of the record that no server has confirmed are used together with each other and with confirmed files
//     only. If a file has changed on the server, the load starts again.
//   - A load that found a change requests the versions of all its files once more when the last one has arrived. If one
//     has changed meanwhile, the folder was being updated, and the load starts again.
import { sha256 } from "./cached-manifests.js";
import { concurrently } from "./concurrently.js";
import { isContentError } from "./download-state.js";
import { CoromError } from "./errors.js";
import { isTransient } from "./transient.js";
import { YieldTimer } from "./yield-timer.js";
import { decodeText, encodeText } from "./text.js";

const MANIFEST_PATH = "corom.json";

/** Files whose version is requested at once. */
const MAX_PARALLEL_CHECKS = 3;

const restartErrors = new WeakSet();

/** Returns whether an error means that the load must start again. */
export const isRestart = (error) => typeof error === "object" && error !== null && restartErrors.has(error);

export class VersionedFiles {
  #cache;
  #url;
  #progress;
  #record;
  /** The key of each received file, by path. */
  #keys = new Map();
  /** The paths that do not exist. A server may send a page for them; the value is the page's key. */
  #missing = new Map();
  /** True if a file differs from the record, or there is no record. */
  #hasChanged = false;
  /** False if `confirm` could not find out whether the files belong together. */
  #isConfirmed = true;
  /** False after a file without a version: the folder cannot be kept. */
  isKeepable = true;
  /** True after a file of the record was used because no server could be reached. */
  isOffline = false;
  #sink;

  /** `sink` has the loader's methods; see load.js. */
  constructor(sink, { cache, url, progress }) {
    this.#sink = sink;
    this.#cache = cache;
    this.#url = url;
    this.#progress = progress;
  }

  /** Returns what the record says of a path: the key of its entry, null if it did not exist, undefined if unknown. */
  async kept(path) {
    this.#record ??= this.#cache.record(this.#url).then(parseRecord);
    const { files, missing } = await this.#record;
    return files.get(path) ?? (missing.has(path) ? null : undefined);
  }

  /**
   * Transfers a file from a mirror with `fetch(state)` or, if no server can be reached, from the record of an earlier
   * load.
   */
  async transfer(state, fetch, signal) {
    const { file } = state;
    const kept = await this.kept(file.path);
    if (file.again) {
      const key = this.#keys.get(file.path) ?? kept ?? undefined;
      if (key !== undefined && (await this.#feedKept(state, key, signal))) return;
    } else if (this.isOffline && (await this.#useKept(state, kept, signal))) return;
    state.file = { ...file, hasFallback: file.hasFallback || kept !== undefined };
    try {
      await fetch(state);
    } catch (error) {
      if (kept === undefined || !isTransient(error)) throw error;
      this.#noteOffline(error);
      if (!(await this.#useKept(state, kept, signal))) throw error;
    }
  }

  /** Uses what the record says of a file (see `kept`). Returns whether that was possible. */
  async #useKept(state, kept, signal) {
    if (kept === undefined) return false;
    if (kept !== null) return this.#feedKept(state, kept, signal);
    this.#progress.remove(state.file.path);
    this.#sink.missing(state.file.path);
    return true;
  }

  /** Feeds the file that is stored under `key`. Returns whether it was complete and valid. */
  async #feedKept(state, key, signal) {
    this.#assign(state, key);
    const stored = await state.entry.readDigest();
    return stored !== undefined && this.#feed(state, stored, signal);
  }

  /**
   * Looks at a response that begins at byte 0. If its version of the file is kept, cancels the response and feeds the
   * kept bytes. Returns "done" if the file is complete, "damaged" if the kept bytes were damaged and the file must be
   * requested again, otherwise undefined.
   */
  async reuse(state, body, signal) {
    if (state.file.path === MANIFEST_PATH) return undefined;
    const key = await keyOf(body);
    if (key !== undefined && key === state.key) return undefined;
    this.#assign(state, key);
    const stored = await state.entry?.readDigest();
    if (stored === undefined) return undefined;
    await body.cancel();
    if (!(await this.#feed(state, stored, signal))) return "damaged";
    await this.#noteReceived(state.file.path, key);
    return "done";
  }

  /** Keeps a file of `size` bytes that was received from a server. */
  async finish({ file: { path }, key, entry, digest }, size) {
    if (path === MANIFEST_PATH) return;
    await entry?.flush();
    await entry?.writeDigest({ size, digest: await digest() });
    await this.#noteReceived(path, key);
  }

  /** Notes that the server does not have a file. `key` is that of a page that it sent instead. */
  async noteMissing(path, key) {
    this.#missing.set(path, key);
    this.#note(path, (await this.kept(path)) === null);
  }

  #assign(state, key) {
    Object.assign(state, { key, entry: key === undefined ? undefined : this.#cache.entry(key) });
    if (key === undefined) return;
    state.kept?.clear(); // the cache has the file if it is requested again
    state.kept = undefined;
  }

  async #feed(state, { size, digest }, signal) {
    const yieldTimer = new YieldTimer();
    state.begin(size);
    try {
      for await (const segment of state.entry.segments()) {
        await state.feed(segment, { yieldTimer, signal });
        if (!state.file.again) this.#progress.update("verify", state.file.path, state.fed, size);
      }
      if (state.fed === size && (await state.digest()) === digest) {
        await state.end();
        return true;
      }
    } catch (error) {
      if (!isContentError(error)) throw error;
    }
    await state.discard();
    return false;
  }

  /** Notes that a file was received. `key` is undefined if the file has no version. */
  async #noteReceived(path, key) {
    if (key === undefined) this.isKeepable = false;
    if (this.#keys.has(path) && this.#keys.get(path) !== key) throw restart(path); // requested again, and changed
    this.#keys.set(path, key);
    this.#note(path, key !== undefined && (await this.kept(path)) === key);
  }

  /** Notes that the record is used without a server. `error` is why. */
  #noteOffline(error) {
    if (!this.isOffline) this.#progress.warn("OFFLINE", `${error.message}; the cached model is used`, error);
    this.isOffline = true;
    this.#note();
  }

  #note(path, isKept = true) {
    this.#hasChanged ||= !isKept;
    if (this.isOffline && this.#hasChanged) throw restart(path ?? "a file");
  }

  /**
   * Checks that no file has changed since it was received. `open(path)` requests a file and returns its response, or
   * null if it does not exist. Does nothing if all files are those of the record, which were checked when it was stored.
   */
  async confirm(open) {
    if (!this.isKeepable || !this.#hasChanged || this.#keys.size === 0) return;
    const check = async ([path, key]) => {
      const body = await open(path);
      await body?.cancel();
      if (body === null ? this.#keys.has(path) : (await keyOf(body)) !== key) throw restart(path);
    };
    try {
      await concurrently([...this.#keys, ...this.#missing], MAX_PARALLEL_CHECKS, check);
    } catch (error) {
      if (isRestart(error) || !(error instanceof CoromError)) throw error;
      this.#isConfirmed = false; // a network error: the load goes on as one without a cache
    }
  }

  /** Stores the record of a loaded model. */
  async store() {
    if (!this.isKeepable) return this.#dropUnlisted();
    if (!this.#isConfirmed || this.isOffline || this.#keys.size === 0) return;
    const before = await this.#record;
    const files = new Map(this.#keys);
    const missing = new Set(this.#missing.keys());
    if (isSameVersion(before, files, missing)) {
      // Loads with other options use other files of the same folder. They are kept too.
      for (const [path, key] of before.files) files.set(path, key);
      for (const path of before.missing) missing.add(path);
    }
    const list = Array.from(files, ([path, key]) => ({ path, key })).sort((a, b) => (a.path < b.path ? -1 : 1));
    const record = { format: "corom-record", files: list, missing: [...missing].sort() };
    const bytes = encodeText(JSON.stringify(record));
    await this.#cache.storeRecord(this.#url, bytes, { replacesManifest: this.#missing.has(MANIFEST_PATH) });
  }

  /** Deletes the received files that no record lists. */
  async #dropUnlisted() {
    const { files } = await this.#record;
    const listed = new Set(files.values());
    for (const key of this.#keys.values()) {
      if (key !== undefined && !listed.has(key)) await this.#cache.entry(key).drop();
    }
  }
}

/** Returns whether a record says the same of every path that it shares with a load. */
function isSameVersion(record, files, missing) {
  const isSame = ([path, key]) => !record.missing.has(path) && [undefined, key].includes(record.files.get(path));
  return [...files].every(isSame) && [...missing].every((path) => !record.files.has(path));
}

/** Parses a record. One that is damaged counts as none. */
function parseRecord(bytes) {
  try {
    const { files, missing } = JSON.parse(decodeText(bytes));
    return { files: new Map(files.map(({ path, key }) => [path, key])), missing: new Set(missing) };
  } catch {
    return { files: new Map(), missing: new Set() };
  }
}

/** Returns the key of a response's file; undefined if the response has no version. */
async function keyOf({ url, version }) {
  return version === undefined ? undefined : sha256(`${url}\n${version}`);
}

function restart(path) {
  const error = new CoromError("FETCH_FAILED", `${path} changed on the server during the load; load the model again`);
  restartErrors.add(error);
  return error;
}
