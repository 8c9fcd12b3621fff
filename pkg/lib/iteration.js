// Reads texts one by one from what `embed` accepts besides a text and a list.
import { unexpected } from "./arguments.js";
import { invalid } from "./errors.js";
import { isMatrix } from "./embeddings.js";

const tagOf = (value) => Object.prototype.toString.call(value);
const isReadable = (value) => typeof value.getReader === "function";

/** Returns true for what is read item by item: an iterable that is neither a string, an array nor bytes, or a stream. */
export function isIterable(value) {
  if (value === null || typeof value !== "object") return false;
  try {
    if (Array.isArray(value) || tagOf(value) === "[object String]" || ArrayBuffer.isView(value) || isMatrix(value)) return false;
    return isReadable(value) || [Symbol.asyncIterator, Symbol.iterator].some((key) => typeof value[key] === "function");
  } catch {
    return false; // the value cannot be read; the checks of a list say so
  }
}

/** Returns an iterator of the items. */
export function iteratorOf(value) {
  const iterator = openIterator(value);
  if (typeof iterator?.next === "function") return iterator;
  throw unexpected("texts (its iterator)", iterator, "an object with a method `next`");
}

/** Returns the next item. `onEnd` is called if there is none: an iterator that throws has closed itself. */
export async function nextOf(iterator, onEnd) {
  let result;
  try {
    result = await iterator.next();
  } catch (error) {
    onEnd();
    throw error;
  }
  if (result === null || typeof result !== "object") throw unexpected("texts (its next item)", result, "{ done, value }");
  if (result.done) onEnd();
  return result;
}

/** Opens what is iterated. In Safari, and in Chromium before 124, a ReadableStream has no iterator of its own. */
function openIterator(value) {
  if (typeof value[Symbol.asyncIterator] === "function") return value[Symbol.asyncIterator]();
  if (typeof value[Symbol.iterator] === "function") return value[Symbol.iterator]();
  if (value.locked) throw invalid("texts: the stream is locked; expected one that nothing else reads");
  const reader = value.getReader();
  return {
    next: () => reader.read(),
    /** Tells the stream that nobody reads on, as its own iterator does. */
    async return() {
      const cancelled = reader.cancel();
      reader.releaseLock();
      await cancelled;
    },
  };
}
