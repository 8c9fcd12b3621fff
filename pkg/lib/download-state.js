// State of one file's download: how many bytes the loader has received, and whether the download can continue from
// there.
import { throwIfAborted } from "./abort.js";
import { CoromError } from "./errors.js";
import { markTransient } from "./transient.js";

/** Errors that end the load without trying another mirror, because they are not about the file. */
export const FATAL_CODES = ["OUT_OF_MEMORY", "INTERNAL", "INVALID_ARGUMENT", "FREED", "UNSUPPORTED_HOST", "NEEDS_UNFUSED"];

/** Returns whether the loader rejected the content of a file. */
export const isContentError = (error) =>
  error instanceof CoromError && !FATAL_CODES.includes(error.code) && error.code !== "FETCH_FAILED";

/** Returns the key under which a file's content is cached; undefined if only a server's version identifies the content. */
export const contentKeyOf = ({ sha256, contentKey }) => sha256 ?? contentKey;

/** Maximum size of a chunk that is copied into WebAssembly in one call. */
const CHUNK_BYTES = 1 << 20;

export class DownloadState {
  /** True if the loader has received the beginning of the file. */
  isStarted = false;
  /** True if the next request bypasses every HTTP cache, because a cached response may be damaged. */
  bypassCaches = false;
  /** Key of the cache entry of a file without a SHA-256 (versioned-files.js); undefined if it is not kept. */
  key;
  /** ETag of the response that the received bytes came from. */
  etag;
  /** True if that response was compressed, so that byte offsets of the file are unknown. */
  isEncoded = false;
  #sink;
  #createHasher;
  /** The host's hasher of the received bytes; undefined if WebAssembly computes the hash. */
  #hasher;
  /** Headers of a range request that are omitted: 0 none, 1 If-Range, 2 If-Range and Range. */
  #omittedHeaders = 0;
  /** True if no request asks for a part only. */
  #omitsEnd = false;

  /**
   * `createHasher(file)` returns a hasher; see hash-web.js. `entry` is the cache entry, if the file is cached. `kept` is
   * the KeptFile that keeps the file's bytes, if it may be requested again. `file.isBegun`: the loader has the beginning of
   * the file; of a cached file it gets everything.
   */
  constructor(file, { sink, entry, kept, createHasher }) {
    this.file = file;
    this.entry = entry;
    this.kept = kept;
    this.isStarted = file.isBegun === true && entry === undefined;
    this.#sink = sink;
    this.#createHasher = createHasher;
  }

  /** Returns the number of bytes that the loader has received. */
  get fed() {
    return this.isStarted ? this.#sink.fed(this.file.path) : 0;
  }

  /** Returns true if the loader has received all that it needs of the file. */
  get isWhole() {
    if (!this.isStarted) return false;
    const { path, size = this.#sink.sizeOf?.(path) } = this.file;
    return this.fed >= size || this.#sink.hasEnough?.(path) === true; // an unknown size compares as false
  }

  /** Returns true if damage of the file is detected at its end. */
  get isVerified() {
    return this.file.sha256 !== undefined || this.file.isVerified === true;
  }

  /**
   * Returns true if the download can continue from the received bytes. That requires a SHA-256 or an ETag, which detects
   * that the rest comes from another version of the file.
   */
  get isResumable() {
    const isKnown = contentKeyOf(this.file) !== undefined || this.etag !== undefined;
    return this.#omittedHeaders < 2 && !this.isEncoded && isKnown;
  }

  /** Returns the byte before which the next request ends; undefined if it asks for all that follows. */
  get rangeEnd() {
    // A download that cannot continue gets all in one request, which is cut off.
    if (this.#omitsEnd || (this.isStarted && !this.isResumable)) return undefined;
    return this.#sink.rangeEnd?.(this.file.path);
  }

  /**
   * Returns true if a range request sends If-Range. Without If-Range, the ETag of the response is compared instead.
   */
  get sendsIfRange() {
    return this.#omittedHeaders === 0;
  }

  /** Begins the file in the loader. The host hashes a file with a SHA-256, and a file that is kept without one. */
  begin(size) {
    const { path, sha256 } = this.file;
    const isHashed = sha256 !== undefined || this.key !== undefined;
    this.#hasher = isHashed ? this.#createHasher?.(sha256 === undefined ? { pieces: true } : this.file) : undefined;
    this.#sink.begin(path, size, sha256 !== undefined && this.#hasher !== undefined);
    this.kept?.clear();
    this.isStarted = true;
  }

  /** Returns the digest of the received bytes. To be called once, after the last byte. */
  digest = () => this.#hasher?.digest();

  /** Passes a chunk of any size to the loader, and yields to the event loop when that is due. */
  async feed(chunk, { yieldTimer, signal }) {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      if (yieldTimer.isDue) await yieldTimer.yieldNow();
      throwIfAborted(signal);
      const part = chunk.subarray(at, at + CHUNK_BYTES);
      this.#sink.feed(this.file.path, part);
      this.#hasher?.update(part);
      this.kept?.append(part);
    }
  }

  /** Ends the file in the loader, which checks its size and SHA-256. */
  async end() {
    await this.#sink.end(this.file.path, this.file.sha256 === undefined ? undefined : await this.digest());
    if (this.kept) this.kept.isComplete = true;
  }

  /** Starts again from byte 0. */
  async restart(size) {
    if (this.entry?.length > 0) await this.entry.drop();
    this.begin(size);
    this.#omittedHeaders = 0;
  }

  /**
   * Omits one more header from the next request. The caller calls this after a request for the rest got no response: in
   * a browser, the CORS preflight may have failed because of the request's headers.
   */
  omitNextHeader() {
    // If-Range first: in most browsers, a Range header alone needs no preflight.
    if (this.fed > 0) this.#omittedHeaders++;
    else this.#omitsEnd = true;
  }

  /** Resets the state because the server now has another version of the file, and returns the error to throw. */
  resetForChangedFile() {
    this.isStarted = false;
    this.etag = undefined;
    return markTransient(new CoromError("FETCH_FAILED", `${this.file.path} changed on the server during the download`));
  }

  /** Prepares for another mirror. Its ETags differ, so only a file with a SHA-256 continues from the received bytes. */
  switchMirror() {
    this.etag = undefined;
    this.isEncoded = this.bypassCaches = false;
    this.#omittedHeaders = 0;
  }

  /** Discards the received bytes, in the cache too. */
  async discard() {
    this.isStarted = false;
    this.etag = undefined;
    await this.entry?.drop();
  }
}
