// `stats` of a result: the smallest and the largest number of each facet that counts numbers.

/** Returns a result of the binding with its stats. `attributes` are those of the catalog: booleans have bounds too. */
export function withStats(result, attributes) {
  const isNumber = (name) => attributes.some((attribute) => attribute.name === name && attribute.kind === "number");
  const ofNumbers = Object.entries(result.facets).filter(([name, { bounds }]) => bounds && isNumber(name));
  return { ...result, stats: Object.fromEntries(ofNumbers.map(([name, { bounds: [min, max] }]) => [name, { min, max }])) };
}
