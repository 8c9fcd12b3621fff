// The true results of a query, computed item by item, and the share of them that a system found.
import { isKept } from "./shares.mjs";

/** Items of one title have one vector, and int8 cannot tell items apart whose scores differ by less. */
export const FLOAT_TIE = 5e-4;

/** Returns a function that gives the product of `query` with each of `vectors`, floats of its dimension. */
export function products(vectors, query) {
  const dimension = query.length;
  return (item) => {
    const at = item * dimension;
    let product = 0;
    for (let i = 0; i < dimension; i++) product += vectors[at + i] * query[i];
    return product;
  };
}

/** Returns `{ item, score }` of the best of `items` items among those that the share `end` keeps, best first. */
export function nearest(score, { items, end, count }) {
  const best = [];
  for (let item = 0; item < items; item++) {
    if (!isKept(item, end)) continue;
    const found = score(item);
    if (best.length === count && found <= best[count - 1].score) continue;
    if (best.length === count) best.pop();
    let place = best.length;
    while (place > 0 && best[place - 1].score < found) place--;
    best.splice(place, 0, { item, score: found });
  }
  return best;
}

/** Returns the share of the best scores that a system's ids reach. Ids within `tie` of the last score count. */
export function recallOf(score, ids, { items, end, count, tie }) {
  const due = nearest(score, { items, end, count });
  if (due.length === 0) return ids.length === 0 ? 1 : 0;
  const least = due[due.length - 1].score - tie;
  const good = new Set(ids).size === ids.length ? ids.filter((item) => isKept(item, end) && score(item) >= least).length : 0;
  return Math.min(1, good / due.length);
}
