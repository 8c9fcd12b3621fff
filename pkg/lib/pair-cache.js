// Cache of the scores of recent pairs. It belongs to one instance, which has one model and one set of options, so the two
// texts are the key.

/** Pairs that are kept by default: some hundred kilobytes for search words and product titles, at most 4 MB. */
const DEFAULT_MAX_PAIRS = 2048;
/** Longest pair that is cached, in UTF-16 code units. The limit bounds the memory of the keys. */
const MAX_PAIR_CODE_UNITS = 1024;

const keyOf = (query, document) => `${query.length} ${query}${document}`;

export class PairCache {
  #maxPairs;
  #pairs = new Map(); // key -> { score, logit }, least recently used first

  /** Creates a cache of at most `maxPairs` pairs. 0 disables it. */
  constructor(maxPairs = DEFAULT_MAX_PAIRS) {
    this.#maxPairs = maxPairs;
  }

  /** Returns the pair's `{ score, logit }`, or undefined. */
  get(query, document) {
    if (this.#pairs.size === 0) return undefined;
    const key = keyOf(query, document);
    const pair = this.#pairs.get(key);
    if (pair === undefined) return undefined;
    this.#pairs.delete(key);
    this.#pairs.set(key, pair);
    return pair;
  }

  /** Stores the pair's `{ score, logit }`, which nobody changes. */
  set(query, document, pair) {
    if (this.#maxPairs === 0 || query.length + document.length > MAX_PAIR_CODE_UNITS) return;
    const key = keyOf(query, document);
    this.#pairs.delete(key);
    // The key is cloned, because a slice of a long string would keep the whole string in memory.
    this.#pairs.set(JSON.parse(JSON.stringify(key)), pair);
    if (this.#pairs.size > this.#maxPairs) this.#pairs.delete(this.#pairs.keys().next().value);
  }

  clear() {
    this.#pairs.clear();
  }
}
