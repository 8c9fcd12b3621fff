// Keeps a downloaded file until the loader requests it again: an ONNX file with large weights is read twice. The bytes
// are in Blobs, which are outside of WebAssembly's memory and of JavaScript's heap; browsers move large Blobs to disk.
import { throwIfAborted } from "./abort.js";
import { CoromError } from "./errors.js";
import { YieldTimer } from "./yield-timer.js";

/** Size of a Blob. */
const BLOB_BYTES = 4 << 20;
/** Bytes that are read at once. */
const CHUNK_BYTES = 1 << 20;

export class KeptFile {
  #blobs = [];
  /** Copies of the last bytes, which are not in a Blob yet. */
  #pending = [];
  #pendingBytes = 0;
  /** Size of the file so far. */
  size = 0;

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
