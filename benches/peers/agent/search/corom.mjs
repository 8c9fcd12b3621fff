// corom/search: the catalog file of the native builder.
const idsOf = ({ hits }) => hits.map(({ id }) => Number(id.slice(1)));
const request = (end, count) => ({ topK: count, highlight: false, ...(end < 100 ? { filter: { bucket: { lt: end } } } : {}) });

export async function open({ data, read, place, mode }) {
  const { Catalog } = await import(place.search);
  const bytes = await read(`${data}/${mode === "vector" ? "vectors" : "keywords"}.catalog`);
  const shop = await Catalog.load(bytes);
  return { shop, size: bytes.length };
}

export async function search({ shop }, query, { end, count }) {
  const isText = typeof query === "string";
  return idsOf(await shop.search(query, { ...request(end, count), highlight: isText }));
}

/** Times exact scans, and searches with facets and a filter. */
export async function more({ shop }, queries, { count, rounds }) {
  const ways = {
    exact: { ...request(100, count), exact: true },
    faceted: { ...request(50, count), facets: ["category", "brandName", "price"].filter((name) => shop.info.attributes.some((a) => a.name === name)) },
  };
  const times = {};
  for (const [way, options] of Object.entries(ways)) {
    times[way] = [];
    for (let round = 0; round < rounds; round++) {
      for (const query of queries) {
        const start = performance.now();
        await shop.search(query, options);
        times[way].push(performance.now() - start);
      }
    }
  }
  return times;
}

export const bytes = ({ size }) => size;
export const close = ({ shop }) => shop.free();
