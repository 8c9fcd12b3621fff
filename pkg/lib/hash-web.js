// SHA-256 by the browser, which has the processor's instructions for it and a thread of its own: a base model's 100 MB
// take WebAssembly 0.27 s of the page's thread. WebCrypto takes nothing bit by bit, so it hashes the pieces that the
// manifest has hashes of. (Whole shards would be held meanwhile, and copied, which took 0.14 s for three quarters of them.)
import { CoromError } from "./errors.js";

/** Bytes of a piece, as in the manifest. */
const PIECE_BYTES = 512 << 10;

/**
 * What makes a hash for a file `{ size, pieces }`: `{ update(bytes), digest() }`, or undefined where WebAssembly is to
 * do it. Undefined itself in pages without TLS, which have no WebCrypto. `digest` gives the pieces' hashes, one after
 * the other.
 */
export function createHasherFactory() {
  const { subtle } = globalThis.crypto ?? {};
  if (typeof subtle?.digest !== "function") return undefined;
  return ({ size, pieces }) => (pieces ? new PieceHasher(subtle, Math.min(Math.max(size, 1), PIECE_BYTES)) : undefined);
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

  /** It copies what it hashes before it returns. */
  #hash(piece) {
    const hash = this.#subtle.digest("SHA-256", piece).then(hex, (cause) => {
      throw new CoromError("OUT_OF_MEMORY", `the browser could not hash ${piece.length} bytes`, { cause });
    });
    hash.catch(() => {}); // of a file that is given up nobody asks
    this.#hashes.push(hash);
  }
}

const hex = (hash) => Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
