// Reads parts of a cached file (cache.js), many at a time. A segment has the bytes from the offset in its name on, whichever
// load has stored it, so that only missing segments and short ones have to be noticed.
import { concurrently } from "./concurrently.js";

/** Segments that are read at the same time. */
const MAX_PARALLEL_READS = 16;

export class SegmentReader {
  #store;
  /** The offsets of the segments, rising; undefined: not listed yet. */
  #starts;

  /** `store` has `names()` and `readParts(name, ranges)` of the file. */
  constructor(store) {
    this.#store = store;
  }

  /** Forgets the segments. */
  reset() {
    this.#starts = undefined;
  }

  /** Returns the bytes of each place `[from, to]`; undefined for one that is not stored as a whole. */
  async read(places) {
    const found = new Array(places.length).fill(undefined);
    // Another load may have removed the file and stored it in other segments: they are looked for again, once.
    for (let tries = 0; tries < 2; tries++) {
      const starts = (this.#starts ??= await this.#list());
      if (await this.#readMissing(places, found, starts)) break;
      if (tries === 0 && !(await this.#hasChanged(starts))) break;
    }
    return found;
  }

  /** Reads the places that `found` lacks. Returns true if it lacks none then. */
  async #readMissing(places, found, starts) {
    const bySegment = new Map();
    for (const [index, [from, to]] of places.entries()) {
      if (found[index] !== undefined) continue;
      const bytes = (found[index] = new Uint8Array(to - from));
      for (let at = from; at < to;) {
        const number = lastUpTo(starts, at);
        const end = Math.min(to, starts[number + 1] ?? Infinity);
        if (!bySegment.has(number)) bySegment.set(number, []);
        bySegment.get(number).push({ index, range: [at - starts[number], end - starts[number]], into: bytes.subarray(at - from, end - from) });
        at = end;
      }
    }
    const missing = new Set();
    await concurrently([...bySegment], MAX_PARALLEL_READS, async ([number, pieces]) => {
      const name = starts[number];
      const parts = name === undefined ? undefined : await this.#store.readParts(String(name), pieces.map(({ range }) => range));
      for (const [i, { index, into }] of pieces.entries()) {
        if (parts?.[i].length === into.length) into.set(parts[i]);
        else missing.add(index);
      }
    });
    for (const index of missing) found[index] = undefined;
    return missing.size === 0;
  }

  /** Returns whether the file has other segments than `starts`. Other reads may have listed or forgotten them meanwhile. */
  async #hasChanged(starts) {
    const now = await this.#list();
    const isSame = now.length === starts.length && now.every((start, i) => start === starts[i]);
    this.#starts = now;
    return !isSame;
  }

  async #list() {
    const names = (await this.#store.names()) ?? [];
    return names.filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b);
  }
}

/** Returns the index of the last number of a rising list that is at most `limit`; -1 if there is none. */
function lastUpTo(numbers, limit) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
