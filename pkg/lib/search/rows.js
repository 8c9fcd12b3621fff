// The rows of a catalog that is loaded with `vectors: "codes"`. They are not in memory: those that a search wants are read
// from the cache, or else from the source by ranges of bytes.
import { childController, delay, throwIfAborted } from "../abort.js";
import { CoromError } from "../errors.js";
import { isTransient, markTransient, retryDelayMs } from "../transient.js";

/** Requests that run at the same time. */
const MAX_PARALLEL_REQUESTS = 8;
/** Rows that are so close to each other are requested at once. A request costs about as much time as these bytes. */
const MAX_GAP_BYTES = 1 << 14;
/** Times that a file is transferred into the cache, if it is emptied meanwhile. */
const MAX_TRANSFERS = 2;

export class RowReader {
  #name;
  #mirrors;
  #isRemote;
  #preferred;
  #cache;
  #entry;
  #transfer;
  #note;
  #options;

  /**
   * `mirrors` are those of the source, `preferred` is the one that served the last file. `entry` is the file in `cache`;
   * undefined if it is not kept. `transfer(sink, { signal, progress })` transfers the file. `note()` notes in the cache that
   * its files are kept, and returns whether the cache has the note. `options` are those of the load.
   */
  constructor({ name, mirrors, isRemote, preferred, cache, entry, transfer, note, options }) {
    this.#name = name;
    this.#mirrors = mirrors;
    this.#isRemote = isRemote;
    this.#preferred = preferred;
    this.#cache = cache;
    this.#entry = entry;
    this.#transfer = transfer;
    this.#note = note;
    this.#options = options;
  }

  /**
   * Reads places of the file, `[offset, length]`, and calls `take(offset, bytes)` for each. If `take` throws
   * INTEGRITY_MISMATCH, the mirror is asked once more, past all HTTP caches, and then the next one. Kept bytes that are
   * damaged are discarded when they have been read from a mirror.
   */
  async read(places, { take, signal }) {
    const wanted = [];
    let isDamaged = false;
    const rising = [...places].sort(([a], [b]) => a - b);
    const kept = await this.#entry?.readParts(rising.map(([offset, length]) => [offset, offset + length]));
    throwIfAborted(signal);
    for (const [i, [offset, length]] of rising.entries()) {
      const bytes = kept?.[i];
      try {
        if (bytes === undefined) wanted.push([offset, length]);
        else take(offset, bytes);
      } catch (error) {
        if (!isDamage(error)) throw error;
        isDamaged = true;
        wanted.push([offset, length]);
      }
    }
    await this.#fetchAll(runsOf(wanted), { take, signal });
    if (isDamaged) await this.#entry.drop();
  }

  /** Requests runs, a few at a time. The first failure aborts the other requests. */
  async #fetchAll(runs, { take, signal }) {
    const { controller, release } = childController(signal);
    const damaged = new Set();
    const next = async () => {
      for (let run; (run = runs.shift()) !== undefined;) await this.#fetch(run, damaged, { take, signal: controller.signal });
    };
    try {
      await Promise.all(Array.from({ length: MAX_PARALLEL_REQUESTS }, next));
    } catch (error) {
      controller.abort(error);
      throw error;
    } finally {
      release();
    }
  }

  /**
   * Transfers the rest of a file of `size` bytes into the cache. It is transferred once more if the cache does not have the
   * whole file then, because it was emptied meanwhile. `progress` is a ProgressReporter.
   */
  async store(size, { signal, progress }) {
    if (!this.#isRemote) return;
    if (this.#entry === undefined) {
      const message = "storeRows: the catalog is not kept on this device; see the options cache and cacheDir";
      throw new CoromError("UNSUPPORTED_HOST", message);
    }
    this.#cache.tryAgain();
    const assertRoom = () => {
      if (!this.#cache.isFull) return;
      const message = "storeRows: the storage of this device is full; free space in it and call storeRows again";
      throw new CoromError("OUT_OF_MEMORY", message);
    };
    for (let transfers = 0; ; transfers++) {
      const isWhole = (await this.#entry.storedBytes()) >= size;
      throwIfAborted(signal);
      if (isWhole && (await this.#note())) return;
      assertRoom();
      if (transfers === MAX_TRANSFERS || (transfers > 0 && this.#cache.hasFailed)) {
        const message = `storeRows: ${this.#name} is not in the cache: it was emptied meanwhile, or cannot be written; call storeRows again`;
        throw new CoromError("FETCH_FAILED", message);
      }
      if (!isWhole) await this.#transfer(new RestSink({ size, begin: size, assertRoom }), { signal, progress });
    }
  }

  /**
   * Transfers the file from byte `begin` to its end, `size`, and calls `take(bytes)` with that part. If `take` throws,
   * the part is transferred once more.
   */
  async load({ begin, size, take }, { signal, progress }) {
    await this.#transfer(new RestSink({ size, begin, take }), { signal, progress });
  }

  /**
   * Requests a run from the mirrors, the one that served the last bytes first, and passes its places to `take`. `damaged` has
   * the mirrors that have sent damaged bytes past all HTTP caches: they are asked once per run.
   */
  async #fetch(run, damaged, { take, signal }) {
    let failure;
    for (const index of new Set([this.#preferred.index, ...this.#mirrors.keys()])) {
      const mirror = this.#mirrors[index];
      try {
        await this.#retry(mirror, run, { take, signal, cache: "default" }).catch((error) => {
          if (!isDamage(error) || !mirror.remote || damaged.has(index)) throw error;
          return this.#retry(mirror, run, { take, signal, cache: "reload" });
        });
        this.#preferred.index = index;
        return;
      } catch (error) {
        throwIfAborted(signal);
        if (isDamage(error)) damaged.add(index);
        else if (error?.code !== "FETCH_FAILED") throw error;
        // Damage is told first: it does not pass by itself.
        if (!isDamage(failure)) failure = error;
      }
    }
    throw failure;
  }

  /** Requests a run from a mirror. After a transient error it waits and asks again, `retries` times, as downloads do. */
  async #retry(mirror, run, how) {
    for (let failures = 1; ; failures++) {
      try {
        return await this.#fetchFrom(mirror, run, how);
      } catch (error) {
        throwIfAborted(how.signal);
        const isLast = failures > this.#options.retries || globalThis.navigator?.onLine === false;
        if (!isTransient(error) || isLast) throw error;
        await delay(retryDelayMs(error, failures), how.signal);
      }
    }
  }

  async #fetchFrom(mirror, { from, to, places }, { take, signal, cache }) {
    const { fetch, stallTimeoutMs } = this.#options;
    const body = await mirror.open(this.#name, { from, to, fetch, stallTimeoutMs, signal, required: true, cache });
    const failed = (why) => new CoromError("FETCH_FAILED", `${this.#name}: ${why}`);
    if (body === null) throw failed("the file is gone; call update");
    try {
      if (body.offset !== from || body.isEncoded) throw failed("the server does not answer requests for a range of bytes");
      const bytes = new Uint8Array(to - from);
      let length = 0;
      for await (const chunk of body.chunks) {
        if (length + chunk.length > bytes.length) throw failed("the server sent more bytes than were requested");
        bytes.set(chunk, length);
        length += chunk.length;
      }
      if (length < bytes.length) throw markTransient(failed(`the server sent ${length} of ${bytes.length} bytes`));
      for (const [offset, length] of places) take(offset, bytes.subarray(offset - from, offset - from + length));
    } finally {
      await body.cancel();
    }
  }
}

const isDamage = (error) => error?.code === "INTEGRITY_MISMATCH";

/** Groups places that rise into runs `{ from, to, places }` that are requested at once. */
function runsOf(places) {
  const runs = [];
  for (const [offset, length] of places) {
    const last = runs.at(-1);
    if (last && offset - last.to <= MAX_GAP_BYTES) {
      last.to = offset + length;
      last.places.push([offset, length]);
    } else runs.push({ from: offset, to: offset + length, places: [[offset, length]] });
  }
  return runs;
}

/**
 * Receives a file of which the bytes before `begin` are known, and passes on the others. Without `take` only the cache keeps
 * them: each row is compared with its code when a search reads it. `assertRoom` throws if the cache keeps nothing more.
 */
class RestSink {
  #size;
  #begin;
  #take;
  #assertRoom;
  #at;
  #pieces = [];

  constructor({ size, begin, take, assertRoom }) {
    this.#assertRoom = assertRoom;
    this.#size = size;
    this.#begin = begin;
    this.#take = take;
    this.#at = take ? begin : 0;
  }

  begin() {
    this.#at = 0;
    this.#pieces = [];
  }

  feed(_, chunk) {
    this.#assertRoom?.();
    const skipped = Math.max(0, this.#begin - this.#at);
    if (skipped < chunk.length) this.#pieces.push(chunk.slice(skipped));
    this.#at += chunk.length;
  }

  fed() {
    return this.#at;
  }

  sizeOf() {
    return this.#size;
  }

  end(path) {
    if (this.#at !== this.#size) throw new CoromError("INTEGRITY_MISMATCH", `${path}: ${this.#at} bytes; the header says ${this.#size}`);
    const bytes = new Uint8Array(this.#pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.#pieces.splice(0)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    this.#take?.(bytes);
  }

  missing(path) {
    throw new CoromError("MISSING_FILE", `${path} does not exist; call update`);
  }

  isPage() {
    return false;
  }
}
