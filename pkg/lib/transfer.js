// One wanted file on its way into the loader: from the cache, or from the mirrors where it is, in their order, with
// everything tried again that may work another time. Nothing of it is held here: every chunk goes straight on.
import { delay, throwIfAborted } from "./abort.js";
import { DownloadState } from "./download-state.js";
import { CoromError } from "./errors.js";
import { withLock } from "./locks.js";
import { MirrorLock } from "./mirror-lock.js";
import { isTransient, isUnanswered, retryDelayMs, markTransient } from "./transient.js";
import { YieldTimer } from "./yield-timer.js";

/** An attempt that came so much further than all before is no failed one: on a bad line a file comes in parts. */
const RETRY_RESET_BYTES = 256 << 10;
/** After these no other mirror is tried: they say nothing of the file. */
const FATAL_CODES = ["OUT_OF_MEMORY", "INTERNAL", "INVALID_ARGUMENT", "FREED", "UNSUPPORTED_HOST"];

export class Transfer {
  #sink;
  #source;
  #cache;
  #progress;
  #createHasher;
  #prefetch;
  #options;
  /** The place that served last is asked first. */
  #preferred = 0;
  #mirrorLock = new MirrorLock();

  /**
   * `sink` is the loader: begin, feed, fed, end, missing, isPage. `createHasher`, see hash-web.js; `prefetch`, see prefetch.js.
   * `options`: `{ fetch, retries, stallTimeoutMs, signal }`.
   */
  constructor(sink, { source, cache, progress, createHasher, prefetch, ...options }) {
    this.#sink = sink;
    this.#source = source;
    this.#cache = cache;
    this.#progress = progress;
    this.#createHasher = createHasher;
    this.#prefetch = prefetch;
    this.#options = options;
  }

  /** Brings a file `{ path, size, sha256, required }` to the loader, or tells it that there is none. */
  async transferFile(file) {
    const entry = file.sha256 && this.#cache?.entry(file.sha256);
    const state = new DownloadState(file, { sink: this.#sink, entry, createHasher: this.#createHasher });
    if (!entry) return this.#fetch(state);
    const { signal } = this.#options;
    return withLock(`corom ${file.sha256}`, { signal, getProgress: () => entry.storedBytes() }, async () => {
      if (!(await this.#fromCache(state))) await this.#fetch(state);
    });
  }

  /** Whether the whole file was there, and sound. What was there of it is not fetched again. */
  async #fromCache(state) {
    const { file, entry } = state;
    const yieldTimer = new YieldTimer();
    try {
      for await (const segment of entry.segments()) {
        if (!state.started) state.begin(file.size);
        await state.feed(segment, { yieldTimer, signal: this.#options.signal });
        this.#progress.update("verify", file.path, state.fed, file.size);
      }
      if (!state.started || state.fed < file.size) return false;
      await state.end();
      return true;
    } catch (error) {
      if (!isContentError(error)) throw error;
      await state.discard(); // damaged
      return false;
    }
  }

  async #fetch(state) {
    const { file } = state;
    const errors = [];
    const absentAt = new Set();
    for (const index of this.#mirrorOrder(file)) {
      try {
        const came = await this.#fetchFromIndex(index, state);
        if (came) {
          this.#preferred = index;
          return;
        }
        if (came === false) absentAt.add(index);
      } catch (error) {
        throwIfAborted(this.#options.signal);
        if (!(error instanceof CoromError) || FATAL_CODES.includes(error.code)) throw error;
        errors.push(error);
      }
    }
    // Of files without a hash, what other mirrors than theirs lack says nothing.
    const mirror = file.sha256 ? undefined : this.#mirrorLock.index;
    const absent = mirror === undefined ? absentAt.size > 0 : absentAt.has(mirror);
    const error = errors.find((error) => file.required || !this.#meansAbsent(error, file, absent));
    if (error) throw withOtherErrors(error, errors);
    this.#progress.remove(file.path);
    this.#sink.missing(file.path);
  }

  /** Whether an error with a file that need not be there comes to its not being there. */
  #meansAbsent(error, file, absentElsewhere) {
    // A server of a single-page app answers with its page for what is not there.
    if (error.code === "NOT_A_MODEL") return this.#sink.isPage(file.path);
    return absentElsewhere && isTransient(error); // a mirror that answers speaks for one that does not
  }

  #mirrorOrder({ sha256 }) {
    const all = [...this.#source.mirrors.keys()];
    const first = (sha256 ? undefined : this.#mirrorLock.index) ?? this.#preferred;
    return [first, ...all.filter((index) => index !== first)];
  }

  /** False where this mirror does not have the file; undefined where it is none for it. */
  async #fetchFromIndex(index, state) {
    const mirror = this.#source.mirrors[index];
    if (state.file.sha256) return this.#fetchFrom(mirror, state);
    if (!(await this.#mirrorLock.acquire(index, this.#options.signal))) return undefined;
    let isComplete = false;
    try {
      return (isComplete = await this.#fetchFrom(mirror, state));
    } finally {
      this.#mirrorLock.release(isComplete);
    }
  }

  /** False where this mirror does not have the file. */
  async #fetchFrom(mirror, state) {
    const { signal, retries } = this.#options;
    const maxFailures = state.file.hasFallback ? Math.min(retries, 1) : retries;
    let failures = 0;
    let furthest = state.fed;
    state.switchMirror();
    for (;;) {
      const before = state.fed;
      try {
        const came = await this.#attempt(mirror, state);
        if (came !== undefined) return came;
        if (state.fed > before) continue;
        throw markTransient(new CoromError("FETCH_FAILED", `${state.file.path}: the server sends nothing of what is left`));
      } catch (error) {
        throwIfAborted(signal);
        if (isTransient(error)) {
          if (state.fed >= furthest + RETRY_RESET_BYTES) {
            furthest = state.fed;
            failures = 0;
          }
          if (++failures > maxFailures || globalThis.navigator?.onLine === false) throw error;
          if (isUnanswered(error) && mirror.preflights) state.omitNextHeader();
          if (state.fed <= before) await delay(retryDelayMs(error, failures), signal);
        } else {
          if (!isContentError(error)) throw error;
          await state.discard();
          // What came before, or what some cache on the way keeps, may be to blame: once more from its first byte.
          if (!mirror.remote || state.bypassCaches || !state.file.sha256) throw error;
          state.bypassCaches = true;
        }
      } finally {
        await state.entry?.flush();
      }
    }
  }

  /** False where this mirror does not have the file; undefined where it sent but a part of what was asked for. */
  async #attempt(mirror, state) {
    const { fetch, stallTimeoutMs, signal } = this.#options;
    const { file } = state;
    const from = state.isResumable ? state.fed : 0;
    const asked = from === 0 ? this.#prefetch.take(mirror, file.path) : undefined;
    const body = await (asked ??
      mirror.open(file.path, {
        from,
        etag: state.etag,
        sendsIfRange: state.sendsIfRange,
        cache: this.#cacheMode(state),
        required: file.required,
        fetch,
        stallTimeoutMs,
        signal,
      }));
    if (body === null) return false;
    try {
      const goesOn = body.offset !== 0;
      if (goesOn && body.offset !== from) throw state.resetForChangedFile();
      // Nobody was asked for the same file, and nothing in it tells: then its tag must.
      if (goesOn && !state.sendsIfRange && !file.sha256 && body.etag !== state.etag) throw state.resetForChangedFile();
      const total = file.size ?? body.total;
      if (body.offset === 0 || !state.started) await state.restart(total);
      state.etag = body.etag;
      state.isEncoded = body.isEncoded;
      await this.#drain(body, state, total);
      if (body.partial && state.fed < total) return undefined;
    } finally {
      await body.cancel();
    }
    await state.end();
    return true;
  }

  async #drain({ chunks }, state, total) {
    const { file, entry } = state;
    const { signal } = this.#options;
    const yieldTimer = new YieldTimer();
    const moved = () => this.#progress.update("download", file.path, state.fed, total);
    moved();
    try {
      for await (const chunk of chunks) {
        await state.feed(chunk, { yieldTimer, signal });
        moved();
        await entry?.append(chunk);
      }
    } catch (error) {
      // Servers that promise more than there is: the hash knows better than they do.
      if (!isTransient(error) || !file.sha256 || state.fed !== file.size) throw error;
    }
  }

  /** The manifest is always asked for anew, and what we keep ourselves no other cache needs to keep. */
  #cacheMode({ file, entry, bypassCaches }) {
    if (bypassCaches) return "reload";
    if (entry) return "no-store";
    return file.revalidate ? "no-cache" : "default";
  }
}

/** Whether the loader refused what a file holds. */
const isContentError = (error) =>
  error instanceof CoromError && !FATAL_CODES.includes(error.code) && error.code !== "FETCH_FAILED";

function withOtherErrors(error, errors) {
  const others = errors.filter((other) => other !== error);
  if (others.length === 0) return error;
  const said = [...new Set(others.map(({ message }) => message))].join("; ");
  const combined = new CoromError(error.code, `${error.message} (elsewhere: ${said})`, { cause: error.cause ?? error });
  return isTransient(error) ? markTransient(combined) : combined;
}
