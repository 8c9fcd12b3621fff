// Orama: `similarity` 0, or it drops hits.
import { ALL } from "./shares.mjs";

export async function open({ items, vectors, dimension, place, mode }) {
  const orama = await import(place.orama);
  const isVector = mode === "vector";
  const schema = { bucket: "number", ...(isVector ? { embedding: `vector[${dimension}]` } : { title: "string" }) };
  const tokenizer = { language: "bigrams", normalizationCache: new Map(), tokenize: bigrams };
  const db = orama.create({ schema, ...(isVector ? {} : { components: { tokenizer } }) });
  const documents = items.map(({ title, bucket }, i) => ({
    id: String(i),
    bucket,
    ...(isVector ? { embedding: Array.from(vectors.subarray(i * dimension, (i + 1) * dimension)) } : { title }),
  }));
  await orama.insertMultiple(db, documents, 5000);
  return { orama, db, isVector };
}

/** Pairs of Chinese characters and words of letters and digits: its default splits Chinese texts at spaces only. */
export function bigrams(text) {
  const terms = [];
  for (const [run] of String(text).toLowerCase().matchAll(/[\u4e00-\u9fff]+|[a-z0-9]+/g)) {
    if (/[a-z0-9]/.test(run)) terms.push(run);
    else for (let i = 0; i < Math.max(1, run.length - 1); i++) terms.push(run.slice(i, i + 2));
  }
  return terms;
}

export async function search({ orama, db, isVector }, query, { end, count }) {
  const where = end < ALL ? { bucket: { lt: end } } : undefined;
  const request = isVector
    ? { mode: "vector", vector: { value: Array.from(query), property: "embedding" }, similarity: 0, where, limit: count }
    : { term: query, where, limit: count };
  const { hits } = await orama.search(db, request);
  return hits.map(({ id }) => Number(id));
}
