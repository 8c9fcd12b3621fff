// SHA-256 by the browser, which has the processor's instructions for it and a thread of its own: a base model's 100 MB
// take WebAssembly 0.27 s of the page's thread. WebCrypto takes nothing piece by piece, so what is hashed is held meanwhile.

import { CoromError } from "./errors.js";

/** Bytes that WebAssembly hashes before the browser has answered. */
const FEW = 4 << 10;
/** Bytes that all files on the way may hold: two shards, with a small model's tokenizer. */
const HELD = 56 << 20;

/**
 * What makes a hash for a file of `size` bytes: `{ update(bytes), digest(), drop() }`, or undefined where WebAssembly
 * is to do it. Undefined itself in pages without TLS, which have no WebCrypto.
 */
export function hashing() {
  const { subtle } = globalThis.crypto ?? {};
  if (typeof subtle?.digest !== "function") return undefined;
  let held = 0;
  return (size) => {
    if (!(size >= FEW && held + size <= HELD)) return undefined;
    let bytes;
    try {
      bytes = new Uint8Array(size);
    } catch {
      return undefined;
    }
    held += size;
    let length = 0;
    const drop = () => {
      if (bytes) held -= size;
      bytes = undefined;
    };
    return {
      // More than `size` bytes are refused by the loader.
      update(piece) {
        bytes.set(piece, length);
        length += piece.length;
      },
      async digest() {
        const whole = bytes.subarray(0, length);
        drop();
        try {
          return hex(new Uint8Array(await subtle.digest("SHA-256", whole)));
        } catch (cause) {
          // It copies what it hashes, and fails for nothing else.
          throw new CoromError("OUT_OF_MEMORY", `the browser could not hash ${length} bytes`, { cause });
        }
      },
      drop,
    };
  };
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
