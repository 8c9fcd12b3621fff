// The vectors of the last queries. Of one instance, hence of one model loaded with one set of options: the text alone
// is the key.

/** Less than 1 MB for a base model. */
const DEFAULT_MAX_VECTORS = 256;
/** Longer texts are no queries; they are not kept, so that the keys are bounded too. In UTF-16 code units. */
const MAX_TEXT_CODE_UNITS = 1024;

export class QueryCache {
  #maxVectors;
  #vectors = new Map(); // the least recently used first

  /** Keeps `size` vectors; 0 keeps none. */
  constructor(maxVectors = DEFAULT_MAX_VECTORS) {
    this.#maxVectors = maxVectors;
  }

  /** A copy of the text's vector, or undefined. */
  get(text) {
    const vector = this.#vectors.get(text);
    if (vector === undefined) return undefined;
    this.#vectors.delete(text);
    this.#vectors.set(text, vector);
    return vector.slice();
  }

  /** Keeps a copy. */
  set(text, vector) {
    if (this.#maxVectors === 0 || text.length > MAX_TEXT_CODE_UNITS) return;
    // A clone of the text, as a slice of a long one would keep all of that alive.
    if (!this.#vectors.delete(text)) text = structuredClone(text);
    this.#vectors.set(text, vector.slice());
    if (this.#vectors.size > this.#maxVectors) this.#vectors.delete(this.#vectors.keys().next().value);
  }

  clear() {
    this.#vectors.clear();
  }
}
