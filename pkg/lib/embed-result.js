// Collects the vectors of a list of texts, portion by portion.
import { CoromError } from "./errors.js";

/** The most bytes of vectors that one call returns: what a 32-bit memory can address. */
const MAX_BYTES = 2 ** 32;

export class EmbedResult {
  #count;
  #dimension;

  /** Reserves the memory for `count` vectors, so that a list that is too long fails before any text is embedded. */
  constructor(count, dimension) {
    this.#count = count;
    this.#dimension = dimension;
    this.data = vectorsOf(count, dimension);
    this.report = {
      tokens: new Uint32Array(count),
      truncated: new Uint8Array(count),
      unknown: new Uint32Array(count),
    };
  }

  /** Stores the vectors and the report of a portion that begins at text `at`. */
  set(at, { data, report }) {
    const isWhole = report.tokens.length === this.#count;
    if (isWhole) {
      Object.assign(this, { data, report });
      return;
    }
    this.data.set(data, at * this.#dimension);
    for (const [field, values] of Object.entries(report)) this.report[field].set(values, at);
  }
}

/** Throws OUT_OF_MEMORY if the vectors of `count` texts are more than one call returns. */
export function checkResultSize(count, dimension) {
  if (bytesOf(count, dimension) > MAX_BYTES) throw tooLarge(count, dimension);
}

const bytesOf = (count, dimension) => count * dimension * Float32Array.BYTES_PER_ELEMENT;

function vectorsOf(count, dimension) {
  try {
    return new Float32Array(count * dimension);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw tooLarge(count, dimension, { cause });
  }
}

function tooLarge(count, dimension, options) {
  const gigabytes = (bytesOf(count, dimension) / 1e9).toFixed(1);
  const message = `the vectors of ${count} texts take ${gigabytes} GB, which is too much for one call; `;
  return new CoromError("OUT_OF_MEMORY", message + "embed fewer texts, or pass an iterable of the texts", options);
}
