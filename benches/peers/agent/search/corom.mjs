// corom/search: the catalog file of the native builder.
import { recallOf } from "./best.mjs";
import { INT8_TIE, int8Scores, rowsOf } from "./int8.mjs";
import { reader } from "./one-read.mjs";
import { ALL, SHARES } from "./shares.mjs";

const READS = 10;
export const idsOf = ({ hits }) => hits.map(({ id }) => Number(id.slice(1)));
const request = (end, count) => ({ topK: count, highlight: false, ...(end < ALL ? { filter: { bucket: { lt: end } } } : {}) });

/** Reads the file, before the clock starts: the others get their items in memory too. */
export const prepare = async ({ data, read, mode }) => ({ file: await read(`${data}/${mode === "vector" ? "vectors" : "keywords"}.catalog`) });

export async function open({ file, place, mode }) {
  const { Catalog } = await import(place.search);
  return { shop: await Catalog.load(file), file, mode };
}

export async function search({ shop }, query, { end, count }) {
  const isText = typeof query === "string";
  return idsOf(await shop.search(query, { ...request(end, count), highlight: isText }));
}

/** Times searches with facets and a filter; of vectors exact scans beside one read of the rows, and what filters lose. */
export async function more({ shop, file, mode }, queries, { count, rounds }) {
  const timed = async (list, options) => {
    for (const query of queries) {
      const start = performance.now();
      await shop.search(query, options);
      list.push(performance.now() - start);
    }
  };
  const facets = ["category", "color", "price"].filter((name) => shop.info.attributes.some((a) => a.name === name));
  const times = { exact: [], faceted: [], read: [] };
  const readOnce = mode === "vector" ? await reader(rowsOf(file)) : undefined;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; readOnce && i < READS; i++) {
      const start = performance.now();
      readOnce();
      times.read.push(performance.now() - start);
    }
    await timed(times.exact, { ...request(ALL, count), exact: true });
    await timed(times.faceted, { ...request(500, count), highlight: mode !== "vector", facets });
  }
  if (mode === "vector") times.int8 = await filterRecall({ shop, file }, queries, count);
  return times;
}

/** Returns the share of the best int8 scores under filters that the hits have, per share of the items. */
async function filterRecall({ shop, file }, queries, count) {
  const recall = {};
  for (const end of SHARES.filter((share) => share < ALL)) {
    let sum = 0;
    for (const query of queries) {
      const ids = idsOf(await shop.search(query, request(end, count)));
      sum += recallOf(int8Scores(file, query), ids, { items: shop.info.items, end, count, tie: INT8_TIE });
    }
    recall[end] = sum / queries.length;
  }
  return recall;
}

export const bytes = ({ file }) => file.length;
export const close = ({ shop }) => shop.free();
