// edgevec's HNSW with L2: of vectors of unit length it ranks as the cosine, and the cosine of version 0.9.0 ranks backwards.
import { ALL } from "./shares.mjs";

export async function open({ items, vectors, dimension, place, read }) {
  const edgevec = await import(place.edgevec);
  await edgevec.default({ module_or_path: await read(place.edgevecWasm) });
  const config = new edgevec.EdgeVecConfig(dimension);
  config.metric = "l2";
  const index = new edgevec.EdgeVec(config);
  // Its ids begin at 1 or at 0; the first insert says which.
  let first;
  for (const [i, { bucket }] of items.entries()) {
    const id = index.insertWithMetadata(vectors.slice(i * dimension, (i + 1) * dimension), { bucket });
    first ??= id;
  }
  return { index, first };
}

export function search({ index, first }, query, { end, count }) {
  if (end === ALL) return index.search(query, count).map(({ id }) => id - first);
  const { results } = JSON.parse(index.searchFiltered(query, count, JSON.stringify({ filter: `bucket < ${end}`, strategy: "auto" })));
  return results.map(({ id }) => id - first);
}
