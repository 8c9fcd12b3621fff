// Cache of the vectors of recent queries. It belongs to one instance, which has one model and one set of options, so
// the text is the key, with its prompt if the call chose one.

/** Vectors that are kept by default: less than 1 MB for a base model. */
const DEFAULT_MAX_VECTORS = 256;
/** Longest text that is cached, in UTF-16 code units. The limit bounds the memory of the keys. */
const MAX_TEXT_CODE_UNITS = 1024;

export class QueryCache {
  #maxVectors;
  #vectors = new Map(); // text -> vector, least recently used first

  /** Creates a cache of at most `maxVectors` vectors. 0 disables it. */
  constructor(maxVectors = DEFAULT_MAX_VECTORS) {
    this.#maxVectors = maxVectors;
  }

  /** Returns a copy of the text's vector, or undefined. */
  get(text) {
    const vector = this.#vectors.get(text);
    if (vector === undefined) return undefined;
    this.#vectors.delete(text);
    this.#vectors.set(text, vector);
    return vector.slice();
  }

  /** Stores a copy of the vector. */
  set(text, vector) {
    if (this.#maxVectors === 0 || text.length > MAX_TEXT_CODE_UNITS) return;
    // The text is cloned, because a slice of a long string would keep the whole string in memory.
    if (!this.#vectors.delete(text)) text = structuredClone(text);
    this.#vectors.set(text, vector.slice());
    if (this.#vectors.size > this.#maxVectors) this.#vectors.delete(this.#vectors.keys().next().value);
  }

  clear() {
    this.#vectors.clear();
  }
}
