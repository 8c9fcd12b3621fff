// Cache of the vectors and reports of recent queries. It belongs to one instance, which has one model and one set of
// options, so the text is the key, with its prompt if the call chose one.

/** Vectors that are kept by default: less than 1 MB for a base model. */
const DEFAULT_MAX_VECTORS = 256;
/** Longest text that is cached, in UTF-16 code units. The limit bounds the memory of the keys. */
const MAX_TEXT_CODE_UNITS = 1024;

export class QueryCache {
  #maxVectors;
  #vectors = new Map(); // text -> { data, report } of lib/corom.js, least recently used first

  /** Creates a cache of at most `maxVectors` vectors. 0 disables it. */
  constructor(maxVectors = DEFAULT_MAX_VECTORS) {
    this.#maxVectors = maxVectors;
  }

  /** Returns a copy of the text's vector and report, or undefined. */
  get(text) {
    const result = this.#vectors.get(text);
    if (result === undefined) return undefined;
    this.#vectors.delete(text);
    this.#vectors.set(text, result);
    return copyOf(result);
  }

  /** Stores a copy of the vector and the report. */
  set(text, result) {
    if (this.#maxVectors === 0 || text.length > MAX_TEXT_CODE_UNITS) return;
    // The text is cloned, because a slice of a long string would keep the whole string in memory.
    if (!this.#vectors.delete(text)) text = JSON.parse(JSON.stringify(text));
    this.#vectors.set(text, copyOf(result));
    if (this.#vectors.size > this.#maxVectors) this.#vectors.delete(this.#vectors.keys().next().value);
  }

  clear() {
    this.#vectors.clear();
  }
}

/** Returns a copy, so that the caller may change its arrays. */
function copyOf({ data, report: { tokens, truncated, unknown } }) {
  return {
    data: data.slice(),
    report: { tokens: tokens.slice(), truncated: truncated.slice(), unknown: unknown.slice() },
  };
}
