// SHA-256 with WebCrypto, which uses the processor's SHA instructions and runs off the page's thread. In WebAssembly
// the 100 MB of a base model take 0.27 s of the page's thread.
//
// WebCrypto cannot hash incrementally, so it hashes pieces of a file; the manifest has the SHA-256 of each piece.
// Hashing whole shards was tried first: the shards have to be held and copied, which took 0.14 s for three quarters of
// them.
import { CoromError, messageOf } from "./errors.js";

/** Size of a piece, as in the manifest. */
const PIECE_BYTES = 512 << 10;

/**
 * Returns a function that creates a hasher `{ update(bytes), digest() }` for a file `{ size, pieces }`. The function
 * returns undefined for files without pieces, which WebAssembly hashes. `digest` returns the concatenated hashes of the
 * pieces. Returns undefined in pages without TLS, because they have no WebCrypto.
 */
export function createHasherFactory() {
  const { subtle } = globalThis.crypto ?? {};
  if (typeof subtle?.digest !== "function") return undefined;
  return ({ size = PIECE_BYTES, pieces }) => (pieces ? new PieceHasher(subtle, Math.min(Math.max(size, 1), PIECE_BYTES)) : undefined);
}

class PieceHasher {
  #subtle;
  #pieceBytes;
  #buffer;
  #filled = 0;
  #hashes = [];

  constructor(subtle, pieceBytes) {
    this.#subtle = subtle;
    this.#pieceBytes = pieceBytes;
  }

  update(bytes) {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.#pieceBytes - this.#filled);
      at += part.length;
      if (part.length === this.#pieceBytes) {
        this.#hash(part);
        continue;
      }
      this.#buffer ??= new Uint8Array(this.#pieceBytes);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      if (this.#filled === this.#pieceBytes) this.#flush();
    }
  }

  async digest() {
    if (this.#filled > 0) this.#flush();
    return (await Promise.all(this.#hashes)).join("");
  }

  #flush() {
    this.#hash(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  /** Hashes one piece. `subtle.digest` copies the piece before it returns, so the buffer can be reused. */
  #hash(piece) {
    const hash = this.#subtle.digest("SHA-256", piece).then(hex, (cause) => {
      const isFull = cause?.name === "RangeError" || /out of memory|allocat/i.test(messageOf(cause));
      const advice = isFull ? "; close other tabs, or use a smaller model" : "";
      const message = `WebCrypto could not hash ${piece.length} bytes: ${messageOf(cause)}${advice}`;
      throw new CoromError(isFull ? "OUT_OF_MEMORY" : "INTERNAL", message, { cause });
    });
    hash.catch(() => {}); // nobody awaits the hashes of an abandoned file
    this.#hashes.push(hash);
  }
}

const hex = (hash) => Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
