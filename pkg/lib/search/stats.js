// `stats` of a result: the smallest and the largest number of each facet that counts numbers.

/** Returns a result of the binding with its stats. */
export function withStats(result) {
  const ofNumbers = Object.entries(result.facets).filter(([, { bounds }]) => bounds);
  return { ...result, stats: Object.fromEntries(ofNumbers.map(([name, { bounds: [min, max] }]) => [name, { min, max }])) };
}
