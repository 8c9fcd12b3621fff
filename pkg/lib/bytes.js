// Bytes, URLs and Responses of any realm. A frame, a `vm` context and a test runner such as Jest have classes of their
// own, so `instanceof` does not recognize their objects.
import { invalid } from "./errors.js";

/** Bytes of shared memory that are copied at once. */
const COPY_BYTES = 1 << 20;

const tagOf = (value) => Object.prototype.toString.call(value);

/** Returns whether a value is bytes: an ArrayBuffer, a SharedArrayBuffer or a view of one of them. */
export const isBytes = (value) => ArrayBuffer.isView(value) || isBuffer(value);

/** Returns whether a value is a URL object. */
export const isUrl = (value) => tagOf(value) === "[object URL]" && typeof value.href === "string";

/** Returns whether a value is a Map. */
export const isMap = (value) => tagOf(value) === "[object Map]" && typeof value.entries === "function";

/** Returns whether a value is a Blob or a file, of this realm or another one. */
export const isBlob = (value) => typeof value?.arrayBuffer === "function" && typeof value.size === "number";

/** Returns whether a value is a Response. */
export const isResponse = (value) => tagOf(value) === "[object Response]" && typeof value.arrayBuffer === "function";

/**
 * Returns bytes as a Uint8Array on the same memory. `name` is the argument, for error messages.
 *
 * @throws INVALID_ARGUMENT if the memory is detached.
 */
export function uint8ArrayOf(value, name) {
  try {
    return ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
  } catch (cause) {
    throw invalid(`${name}: its bytes are not here any more, because their buffer was transferred; pass a copy`, { cause });
  }
}

/**
 * Returns the bytes in memory that no other thread can change: the same ones, or a copy if the memory is shared. Hashes
 * and compilers do not accept shared memory.
 */
export const unshared = (bytes) => (isShared(bytes) ? new Uint8Array(bytes) : bytes);

/** Yields the bytes; those of shared memory as copies, piece by piece. */
export function* unsharedPieces(bytes) {
  if (!isShared(bytes)) return yield bytes;
  for (let at = 0; at < bytes.length; at += COPY_BYTES) yield new Uint8Array(bytes.subarray(at, at + COPY_BYTES));
}

/**
 * Returns a value with the typed arrays in it, one or two levels deep, as those of this realm. In a vm context (Jest),
 * messages of a worker have Node's own classes.
 */
export function inThisRealm(value, depth = 2) {
  if (ArrayBuffer.isView(value)) {
    const Class = globalThis[/\[object (\w+)\]/.exec(tagOf(value))[1]];
    return value instanceof Class ? value : new Class(value.buffer, value.byteOffset, value.length);
  }
  if (depth === 0 || tagOf(value) !== "[object Object]") return value;
  for (const [key, item] of Object.entries(value)) value[key] = inThisRealm(item, depth - 1);
  return value;
}

const isShared = ({ buffer }) => tagOf(buffer) === "[object SharedArrayBuffer]";

/** Returns whether a value is a buffer. A typed array keeps a buffer as it is, and copies every other object. */
function isBuffer(value) {
  if (!/^\[object (Shared)?ArrayBuffer\]$/.test(tagOf(value))) return false;
  try {
    return new Uint8Array(value).buffer === value;
  } catch {
    return true; // it is detached
  }
}
