// Runs the probes of tests/fixtures/search-probes in the host that imports this: Node, or a page.

/** Number of hits among which the wanted item of a probe stands. */
const TOP = 10;

/** Reads a table with a heading. */
export const rowsOf = (text) =>
  text
    .split("\n")
    .slice(1)
    .filter(Boolean)
    .map((line) => line.split("\t"));

/** Returns the lines of hits.tsv that this host gives. */
export async function hitLines(Catalog, source, probes) {
  const shop = await Catalog.load(source);
  const lines = [];
  for (const [, query] of rowsOf(probes)) {
    const { hits } = await shop.search(query, { topK: TOP });
    lines.push(`${query}\t${hits.map(({ id, score }) => `${id}:${score}`).join(" ")}`);
  }
  shop.free();
  return lines;
}
