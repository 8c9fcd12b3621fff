// Transfers one file into the loader: from the cache if it is there, otherwise from the mirrors. Each chunk is passed on
// immediately. A file that may be requested again is kept outside of WebAssembly if it is not cached (kept-file.js).
//
//   for each mirror, the preferred one first:
//     request the file from the byte that the loader has reached
//     transient error (network, status 503, stall): wait and retry this mirror, at most `retries` times in a row
//     wrong content: retry this mirror once from byte 0, bypassing HTTP caches
//     any other error, or the mirror does not have the file: continue with the next mirror
//
// download-state.js holds the state of one file, mirror-lock.js keeps files without a SHA-256 on one mirror,
// versioned-files.js keeps those files in the cache, and transient.js marks the errors that are worth a retry.
import { delay, throwIfAborted } from "./abort.js";
import { DownloadState, FATAL_CODES, contentKeyOf, isContentError } from "./download-state.js";
import { CoromError } from "./errors.js";
import { KeptFiles } from "./kept-file.js";
import { withLock } from "./locks.js";
import { MirrorLock } from "./mirror-lock.js";
import { isTransient, isUnanswered, retryDelayMs, markTransient } from "./transient.js";
import { isRestart } from "./versioned-files.js";
import { YieldTimer } from "./yield-timer.js";

/** Bytes of new progress that reset the retry count: on a poor connection a large file needs many attempts. */
const RETRY_RESET_BYTES = 256 << 10;

export class Transfer {
  #sink;
  #source;
  #cache;
  #progress;
  #createHasher;
  #prefetch;
  #versions;
  #options;
  #preferred;
  #keptFiles;
  #mirrorLock = new MirrorLock();

  /**
   * `sink` has the loader's methods begin, feed, fed, end, missing and isPage, and may have sizeOf, partBytes, rangeEnd
   * and hasEnough, which say how many bytes of a file are needed. `createHasher`: see hash-web.js. `prefetch`: see
   * prefetch.js. `keptFiles`: see kept-file.js. `versions`: see versioned-files.js; undefined if files without a SHA-256
   * are not kept. `preferred`: the index of the mirror that served the last file and is tried first; may be shared.
   * `options`: `{ fetch, retries, stallTimeoutMs, signal }`.
   */
  constructor(sink, { source, cache, progress, createHasher, prefetch, keptFiles = new KeptFiles(), versions, preferred = { index: 0 }, ...options }) {
    this.#sink = sink;
    this.#source = source;
    this.#cache = cache;
    this.#progress = progress;
    this.#createHasher = createHasher;
    this.#prefetch = prefetch;
    this.#keptFiles = keptFiles;
    this.#versions = versions;
    this.#preferred = preferred;
    this.#options = options;
  }

  /**
   * Transfers a file `{ path, size, sha256, contentKey, required, keep, again, isVerified, isBegun }` to the loader, or reports
   * it as missing. `isVerified`: `end` detects damage although there is no SHA-256. `contentKey`: the content's key in the cache.
   */
  async transferFile(file) {
    if (!file.again && (await this.#fromEarlierAttempt(file))) return undefined;
    const entry = contentKeyOf(file) && this.#cache?.entry(contentKeyOf(file));
    const kept = file.keep && !file.again && !entry && this.#source.mirrors[0].remote ? this.#keptFiles.keep(file.path) : undefined;
    const state = new DownloadState(file, { sink: this.#sink, entry, kept, createHasher: this.#createHasher });
    if (file.again && (await this.#keptFiles.feedAgain(state, this.#options.signal))) return undefined;
    if (this.#isVersioned(file)) return this.#versions.transfer(state, (it) => this.#fetch(it), this.#options.signal);
    if (!entry) return this.#fetch(state);
    const { signal } = this.#options;
    return withLock(`corom ${entry.sha256}`, { signal, getProgress: () => entry.storedBytes() }, async () => {
      if (!(await this.#fromCache(state))) await this.#fetch(state);
    });
  }

  /** Feeds a file that this load has received before, for another binary. Returns whether there was one. */
  async #fromEarlierAttempt(file) {
    const state = new DownloadState(file, { sink: this.#sink, createHasher: this.#createHasher });
    const size = await this.#keptFiles.feedReceived(state, this.#options.signal);
    if (size !== undefined) this.#progress.update("verify", file.path, size, size);
    return size !== undefined;
  }

  /** Checks that no file changed on the server during the load. See `VersionedFiles.confirm`. */
  async confirmVersions() {
    const mirror = this.#source.mirrors[this.#mirrorLock.index ?? 0];
    await this.#versions?.confirm((path) => mirror.open(path, { ...this.#options, cache: "no-cache", required: false }));
    throwIfAborted(this.#options.signal);
  }

  #isVersioned = (file) => this.#versions !== undefined && file.sha256 === undefined;

  /** Feeds the cached part of the file. Returns whether the file was complete and valid. */
  async #fromCache(state) {
    const { file, entry } = state;
    const yieldTimer = new YieldTimer();
    try {
      for await (const segment of entry.segments()) {
        if (!state.isStarted) state.begin(file.size);
        await state.feed(segment, { yieldTimer, signal: this.#options.signal });
        this.#report("verify", state, file.size);
      }
      if (!state.isWhole) return false;
      await state.end();
      return true;
    } catch (error) {
      if (!isContentError(error)) throw error;
      await state.discard(); // the cached file is damaged
      return false;
    }
  }

  /** Tries the mirrors in order. */
  async #fetch(state) {
    const { file } = state;
    const errors = [];
    const absentAt = new Set();
    for (const index of this.#mirrorOrder(file)) {
      try {
        const received = await this.#fetchFromIndex(index, state);
        if (received) {
          this.#preferred.index = index;
          return;
        }
        if (received === false) absentAt.add(index);
      } catch (error) {
        throwIfAborted(this.#options.signal);
        if (!(error instanceof CoromError) || FATAL_CODES.includes(error.code) || isRestart(error)) throw error;
        errors.push(error);
      }
    }
    // For a file without a SHA-256, only the mirror that these files use can say that the file does not exist.
    const mirror = file.sha256 ? undefined : this.#mirrorLock.index;
    const absent = mirror === undefined ? absentAt.size > 0 : absentAt.has(mirror);
    const error = errors.find((error) => file.required || !this.#meansAbsent(error, file, absent));
    if (error) throw withOtherErrors(error, errors);
    this.#progress.remove(file.path);
    this.#sink.missing(file.path);
    await this.#versions?.noteMissing(file.path, state.key);
  }

  /** Returns whether an error with an optional file means that the file does not exist. */
  #meansAbsent(error, file, absentElsewhere) {
    // Another mirror answered that it does not have the file, and this one could not be asked, or does not have the model.
    return (absentElsewhere && error.code === "FETCH_FAILED") || this.#isPageOfMissing(error, file);
  }

  /** Returns whether the server of a single-page app has sent its page for a file that need not exist. */
  #isPageOfMissing(error, file) {
    return !file.required && error.code === "NOT_A_MODEL" && this.#sink.isPage(file.path);
  }

  /** Returns the mirrors in the order in which they are tried. */
  #mirrorOrder({ sha256 }) {
    const first = (sha256 ? undefined : this.#mirrorLock.index) ?? this.#preferred.index;
    return [...new Set([first, ...this.#source.mirrors.keys()])];
  }

  /** Returns true if received, false if the mirror does not have the file, undefined if it may not be used for it. */
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

  /** Requests the file from a mirror until it is complete. Returns false if the mirror does not have the file. */
  async #fetchFrom(mirror, state) {
    const { signal, retries } = this.#options;
    const maxFailures = state.file.hasFallback ? Math.min(retries, 1) : retries;
    let failures = 0;
    let furthest = state.fed;
    state.switchMirror();
    for (;;) {
      const before = state.fed;
      try {
        const received = await this.#attempt(mirror, state);
        if (received !== undefined) return received;
        if (state.fed > before) continue;
        throw markTransient(new CoromError("FETCH_FAILED", `${state.file.path}: the server sent an empty part of the file`));
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
          // The bytes received earlier, or an HTTP cache, may be the reason: retry once from byte 0, past HTTP caches.
          if (!mirror.remote || state.bypassCaches || !state.isVerified || this.#isPageOfMissing(error, state.file)) throw error;
          state.bypassCaches = true;
        }
      } finally {
        await state.entry?.flush();
      }
    }
  }

  /**
   * Sends one request. Returns true if the file is complete, false if the mirror does not have the file, undefined if
   * the mirror sent only part of the requested range.
   */
  async #attempt(mirror, state) {
    const { fetch, stallTimeoutMs, signal } = this.#options;
    const { file } = state;
    const from = state.isResumable ? state.fed : 0;
    const prefetched = from === 0 ? this.#prefetch.take(mirror, file.path) : undefined;
    const body = await (prefetched ??
      mirror.open(file.path, {
        from,
        to: state.rangeEnd,
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
      if (body.offset === 0 && this.#isVersioned(file)) {
        const reused = await this.#versions.reuse(state, body, signal);
        if (reused === "done") return true;
        if (reused === "damaged") return await this.#attempt(mirror, state);
      }
      const continues = body.offset !== 0;
      if (continues && body.offset !== from) throw state.resetForChangedFile();
      // Without If-Range and without a SHA-256, only the ETag shows whether this is the same version of the file.
      const mustMatchEtag = continues && !state.sendsIfRange && contentKeyOf(file) === undefined;
      if (mustMatchEtag && body.etag !== state.etag) throw state.resetForChangedFile();
      const total = file.size ?? body.total;
      if (body.offset === 0 || !state.isStarted) await state.restart(total);
      state.etag = body.etag;
      state.isEncoded = body.isEncoded;
      await this.#drain(body, state, total);
      if (body.isPartial && state.fed < total && !state.isWhole) return undefined;
    } finally {
      await body.cancel();
    }
    const size = state.fed;
    await state.end();
    if (this.#isVersioned(file)) await this.#versions.finish(state, size);
    return true;
  }

  /** Passes the chunks of a response to the loader and to the cache. */
  async #drain({ chunks }, state, total) {
    const { file, entry } = state;
    const { signal } = this.#options;
    const yieldTimer = new YieldTimer();
    const report = () => this.#report("download", state, total);
    report();
    try {
      for await (const chunk of chunks) {
        await state.feed(chunk, { yieldTimer, signal });
        report();
        await entry?.append(chunk);
        if (this.#sink.hasEnough?.(file.path)) return;
      }
    } catch (error) {
      // Some servers announce more bytes than the file has. If the size matches the manifest, the SHA-256 decides.
      if (!isTransient(error) || !file.sha256 || state.fed !== file.size) throw error;
    }
  }

  /** Reports the bytes so far. A file that is transferred again has been counted. */
  #report(phase, { file, fed }, total) {
    if (!file.again) this.#progress.update(phase, file.path, fed, this.#sink.partBytes?.(file.path) ?? total);
  }

  /** Returns the HTTP cache mode: the manifest is revalidated, and files in corom's own cache are not cached twice. */
  #cacheMode({ file, entry, bypassCaches }) {
    if (bypassCaches) return "reload";
    if (this.#versions?.isKeepable && file.sha256 === undefined) return "no-cache";
    if (entry) return "no-store";
    return file.revalidate ? "no-cache" : "default";
  }
}

/** Returns the error with the messages of the other mirrors' errors appended. */
function withOtherErrors(error, errors) {
  const others = errors.filter((other) => other !== error);
  if (others.length === 0) return error;
  const messages = [...new Set(others.map(({ message }) => message))].join("; ");
  const message = `${error.message} (other mirrors: ${messages})`;
  const combined = new CoromError(error.code, message, { cause: error.cause ?? error });
  return isTransient(error) ? markTransient(combined) : combined;
}
