// How far one file has come on its way into the loader, and whether that can be continued.
import { throwIfAborted } from "./abort.js";
import { CoromError } from "./errors.js";
import { markTransient } from "./transient.js";

/** What goes into WebAssembly at once: it is copied there. */
const CHUNK_BYTES = 1 << 20;

export class DownloadState {
  started = false;
  bypassCaches = false;
  etag;
  isEncoded = false;
  #sink;
  #createHasher;
  /** The host's hash of what was fed; undefined where WebAssembly makes it. */
  #hasher;
  /** Of the headers that ask for the rest: 0 none is left out, 1 the condition (If-Range), 2 the range too. */
  #omittedHeaders = 0;

  /** `createHasher` makes a hash for a file, see hash-web.js. */
  constructor(file, { sink, entry, createHasher }) {
    this.file = file;
    this.entry = entry;
    this.#sink = sink;
    this.#createHasher = createHasher;
  }

  get fed() {
    return this.started ? this.#sink.fed(this.file.path) : 0;
  }

  /** Whether what is here can be continued: by its hash, or by its tag, one learns whether that was right. */
  get isResumable() {
    return this.#omittedHeaders < 2 && !this.isEncoded && (this.file.sha256 !== undefined || this.etag !== undefined);
  }

  /** Whether the server is asked to go on only with the file of that tag. Else the answer's own tag is compared. */
  get sendsIfRange() {
    return this.#omittedHeaders === 0;
  }

  begin(size) {
    const { path, sha256 } = this.file;
    this.#hasher = sha256 === undefined ? undefined : this.#createHasher?.(this.file);
    this.#sink.begin(path, size, this.#hasher !== undefined);
    this.started = true;
  }

  async feed(chunk, { yieldTimer, signal }) {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
      if (yieldTimer.isDue) await yieldTimer.yieldNow();
      throwIfAborted(signal);
      const piece = chunk.subarray(at, at + CHUNK_BYTES);
      this.#sink.feed(this.file.path, piece);
      this.#hasher?.update(piece);
    }
  }

  /** The file is whole. Whether it is the right one is found out here. */
  async end() {
    this.#sink.end(this.file.path, await this.#hasher?.digest());
  }

  async restart(size) {
    if (this.entry?.length > 0) await this.entry.drop();
    this.begin(size);
    this.#omittedHeaders = 0;
  }

  /** No answer to a request for the rest: a check before it, in a browser, may fail it for its headers. */
  omitNextHeader() {
    // The condition first: a range alone needs no permission of another origin, in most browsers.
    if (this.fed > 0) this.#omittedHeaders++;
  }

  /** A server that goes on with another file than the one that was begun. */
  resetForChangedFile() {
    this.started = false;
    this.etag = undefined;
    return markTransient(new CoromError("FETCH_FAILED", `${this.file.path} changed on the server while it was fetched`));
  }

  /** Another place has tags of its own. What is here is continued there only where a hash tells in the end. */
  switchMirror() {
    this.etag = undefined;
    this.isEncoded = this.bypassCaches = false;
    this.#omittedHeaders = 0;
  }

  /** What came is of no use: nothing of it is continued or kept. */
  async discard() {
    this.started = false;
    this.etag = undefined;
    await this.entry?.drop();
  }
}
