// Keeps a downloaded file until the loader requests it again: an ONNX file with large weights is read twice, and a load
// may start again in another binary (load.js). The bytes
// are in Blobs, which are outside of WebAssembly's memory and of JavaScript's heap; browsers move large Blobs to disk.
import { throwIfAborted } from "./abort.js";
import { CoromError } from "./errors.js";
import { YieldTimer } from "./yield-timer.js";

/** Size of a Blob. */
const BLOB_BYTES = 4 << 20;
/** Bytes that are read at once. */
const CHUNK_BYTES = 1 << 20;

/** The kept files of a load, which may start again in another binary. */
export class KeptFiles {
  #files = new Map();

  /** True if no file is kept. */
  get isEmpty() {
    return this.#files.size === 0;
  }

  /** Returns a new KeptFile for a path. */
  keep(path) {
    const kept = new KeptFile();
    this.#files.set(path, kept);
    return kept;
  }

  /** Feeds a file that the loader requests again. Returns whether it was there and could be read. */
  async feedAgain(state, signal) {
    const { path } = state.file;
    const kept = this.#files.get(path);
    if (!kept?.size) return false;
    const isFed = await kept.feedInto(state, signal); // throws if another binary is needed: then the file stays
    this.#files.delete(path);
    return isFed;
  }

  /** Feeds a file that was received before the load started again. Returns its size; undefined if it is not there. */
  async feedReceived(state, signal) {
    const { path, keep } = state.file;
    const kept = this.#files.get(path);
    if (!kept?.isComplete) return undefined;
    if (!keep) this.#files.delete(path);
    if (await kept.feedInto(state, signal)) return kept.size;
    this.#files.delete(path);
    return undefined;
  }
}

class KeptFile {
  #blobs = [];
  /** Copies of the last bytes, which are not in a Blob yet. */
  #pending = [];
  #pendingBytes = 0;
  /** Size of the file so far. */
  size = 0;
  /** True if the loader has accepted the file. */
  isComplete = false;

  /** Appends a copy of the bytes. */
  append(bytes) {
    this.#pending.push(bytes.slice());
    this.#pendingBytes += bytes.length;
    this.size += bytes.length;
    if (this.#pendingBytes >= BLOB_BYTES) this.#flush();
  }

  /** Drops all bytes. */
  clear() {
    this.#blobs = [];
    this.#pending = [];
    this.#pendingBytes = this.size = 0;
    this.isComplete = false;
  }

  /** Yields the bytes. */
  async *chunks() {
    this.#flush();
    for (const blob of this.#blobs) {
      for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
        yield new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer());
      }
    }
  }

  /** Feeds the bytes to the loader. Returns false if the browser has dropped a Blob. */
  async feedInto(state, signal) {
    const yieldTimer = new YieldTimer();
    try {
      state.begin(this.size);
      for await (const chunk of this.chunks()) await state.feed(chunk, { yieldTimer, signal });
      await state.end();
      return true;
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof CoromError) throw error;
      await state.discard();
      return false;
    }
  }

  #flush() {
    this.#blobs.push(new Blob(this.#pending));
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}
