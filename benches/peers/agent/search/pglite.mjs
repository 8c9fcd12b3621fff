// PGlite with pgvector, exact: a sequential scan by cosine distance.
import { ALL } from "./shares.mjs";

const text = (vector) => `[${vector.join(",")}]`;
const ROWS = 500;

export async function open({ items, vectors, dimension, place }) {
  const [{ PGlite }, { vector }] = [await import(place.pglite), await import(place.pgvector)];
  const db = await PGlite.create({ extensions: { vector } });
  await db.exec(`create extension vector; create table items(id int primary key, bucket int, embedding vector(${dimension}))`);
  for (let from = 0; from < items.length; from += ROWS) {
    const rows = items.slice(from, from + ROWS).map(({ bucket }, i) => {
      const at = (from + i) * dimension;
      return `(${from + i},${bucket},'${text(vectors.subarray(at, at + dimension))}')`;
    });
    await db.exec(`insert into items values ${rows.join(",")}`);
  }
  return db;
}

export async function search(db, query, { end, count }) {
  const filter = end < ALL ? `where bucket < ${end}` : "";
  const { rows } = await db.query(`select id from items ${filter} order by embedding <=> $1 limit ${count}`, [text(query)]);
  return rows.map(({ id }) => id);
}

export const close = (db) => db.close();
