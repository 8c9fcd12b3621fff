// sqlite-vec: a vec0 table of floats with a column that filters use. Its package calls itself a demonstration.
import { ALL } from "./shares.mjs";

/**
 * Returns the options of Emscripten that the package (0.1.9) does not start without. It registers its API in
 * `Module.postRun` after Emscripten has run that list, which aborts: with `setStatus` the list is run one turn of the event
 * loop later. It also reads a view of the memory that its build does not export.
 */
const moduleOf = () => ({
  setStatus() {},
  get HEAPU64() {
    return new BigUint64Array(this.wasmMemory.buffer);
  },
});

export async function open({ items, vectors, dimension, place }) {
  const { default: init } = await import(place.sqlite);
  const sqlite = await init(moduleOf());
  const db = new sqlite.oo1.DB(":memory:");
  db.exec(`create virtual table items using vec0(bucket integer, embedding float[${dimension}] distance_metric=cosine)`);
  const insert = db.prepare("insert into items(rowid, bucket, embedding) values (?, ?, ?)");
  db.exec("begin");
  items.forEach(({ bucket }, i) => {
    const bytes = new Uint8Array(vectors.buffer, vectors.byteOffset + i * dimension * 4, dimension * 4);
    insert.bind(1, i + 1).bind(2, bucket).bind(3, bytes.slice()).stepReset();
  });
  db.exec("commit");
  insert.finalize();
  const select = (filter) => db.prepare(`select rowid from items where embedding match ? and k = ? ${filter} order by distance`);
  return { db, all: select(""), filtered: select("and bucket < ?") };
}

export function search({ all, filtered }, query, { end, count }) {
  const statement = end < ALL ? filtered : all;
  statement.bind(1, new Uint8Array(query.buffer.slice(0))).bind(2, count);
  if (end < ALL) statement.bind(3, end);
  const ids = [];
  while (statement.step()) ids.push(statement.get(0) - 1);
  statement.reset();
  return ids;
}

export const close = ({ db }) => db.close();
