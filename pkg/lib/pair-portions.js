// Portions of the pairs of a call. The first one is small, so that the first partial result comes soon.

/** The pairs of the first portion. */
const FIRST_PAIRS = 5;
/** The most pairs of a portion of a short list: more gain nothing, and results come later. */
const MAX_PAIRS = 64;
/** Partial results of a long list, about: sorting it takes time. */
const MAX_PARTIALS = 64;
/** The most pairs of a portion of any list. */
const MAX_PAIRS_OF_LONG_LIST = 1024;
/** The size of a longer text: the rest of it is cut off. */
const MAX_TEXT_SIZE = 512;

/**
 * Yields the portions `{ texts, indices, size }` of the pairs that wait for their score, in their order. `waiting` has
 * the texts and the index of each. Each portion has at most twice as many pairs as the one before; with several workers,
 * at most half of one worker's part of the rest. A portion after the first one must fit into the budget; while time is
 * left, it has at least one pair.
 */
export function* pairPortions({ texts, indices }, { query, workers = 1, budget }) {
  const sizeOf = (text) => Math.min(query.length + text.length, MAX_TEXT_SIZE) + 3;
  const largest = Math.min(MAX_PAIRS_OF_LONG_LIST, Math.max(MAX_PAIRS, Math.ceil(texts.length / MAX_PARTIALS)));
  let limit = FIRST_PAIRS;
  for (let [at, round] = [0, 0]; at < texts.length; round++) {
    if (round > 0 && budget.isOver) return;
    const share = workers === 1 ? Infinity : Math.ceil((texts.length - at) / (2 * workers));
    const most = Math.min(limit, Math.max(FIRST_PAIRS, share));
    let [end, size] = [at, 0];
    while (end < texts.length && end - at < most) {
      const more = sizeOf(texts[end]);
      if (round > 0 && end > at && size + more > budget.size) break;
      size += more;
      end++;
    }
    yield { texts: texts.slice(at, end), indices: indices.slice(at, end), size };
    at = end;
    // Each worker's first portion is a small one.
    if (round + 1 >= workers) limit = Math.min(2 * limit, largest);
  }
}
