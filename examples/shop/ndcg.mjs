// Normalized discounted cumulative gain: Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002,
// with the gain 2^grade − 1 of Burges et al., Learning to rank using gradient descent, 2005.

const gain = (grades) => grades.reduce((sum, grade, i) => sum + (2 ** grade - 1) / Math.log2(i + 2), 0);

/** Returns the nDCG of the first `depth` results. `found` has their grades in order, `judged` those of all judged items. */
export function ndcg(found, judged, depth) {
  const best = gain([...judged].sort((a, b) => b - a).slice(0, depth));
  return best === 0 ? 0 : gain(found.slice(0, depth)) / best;
}
