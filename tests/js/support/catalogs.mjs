// Catalogs of the native command, with vectors from the generator of random numbers.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { random } from "./corom.mjs";
import { native, scratch } from "./converter.mjs";
import { FIXTURES } from "./paths.mjs";

export const DIMENSION = 64;
export const SCHEMA = {
  fields: [
    { name: "title", weight: 1 },
    { name: "brand", weight: 0.5 },
  ],
  attributes: [
    { name: "price", kind: "number" },
    { name: "shop", kind: "string" },
    { name: "stock", kind: "boolean" },
    { name: "tags", kind: "tags" },
  ],
  stored: ["url"],
};
const next = random(7);
const below = (end) => Math.floor(next() * end);
export const randomVector = () => Float32Array.from({ length: DIMENSION }, () => next() - 0.5);

/** Titles of products, without empty lines. */
export const TITLES = readFileSync(path.join(FIXTURES, "titles.txt"), "utf8")
  .split("\n")
  .filter((line) => line.trim())
  .slice(0, 200);
export const ITEMS = TITLES.map((title, i) => ({
  id: `p${i}`,
  title,
  brand: ["Nike 耐克", "", "肯德基"][i % 3],
  price: i % 7 === 0 ? null : below(500),
  shop: `店${below(9)}`,
  stock: below(2) === 0,
  tags: Array.from({ length: below(3) }, () => `标${below(5)}`),
  url: `/p/${i}`,
}));

/** Runs `corom index`. */
export function index(...args) {
  const run = native("index", ...args);
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

/**
 * Builds a catalog folder whose items have vectors, repeated `times` times under other ids. Returns its path, its files by
 * name as they are now (`files()`), and functions that change it with the native command.
 */
export function buildCatalog(t, { times = 1, codes = "auto", vectors = "int8" } = {}) {
  const folder = scratch(t);
  const write = (name, value) => {
    const file = path.join(folder, name);
    writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
    return file;
  };
  const catalog = path.join(folder, "catalog");
  const ids = Array.from({ length: times }, (_, round) => (round === 0 ? "" : `-${round}`));
  const rows = ids.flatMap((suffix) => ITEMS.map((item) => ({ ...item, id: item.id + suffix, embedding: Array.from(randomVector()) })));
  const items = write("items.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
  const schema = write("schema.json", { ...SCHEMA, vectors: { dimension: DIMENSION, metric: "cosine" } });
  index("build", items, catalog, "--schema", schema, "--codes", codes, "--vectors", vectors);
  return {
    catalog,
    rows,
    names: () => JSON.parse(readFileSync(path.join(catalog, "catalog.json"))).files,
    files: () => Object.fromEntries(readdirSync(catalog).map((name) => [name, new Uint8Array(readFileSync(path.join(catalog, name)))])),
    patch: (patches) => index("patch", catalog, write("patch.json", patches)),
    remove: (...ids) => index("remove", catalog, ...ids),
    add: (item) => index("add", catalog, write("more.jsonl", JSON.stringify({ ...item, embedding: Array.from(randomVector()) }))),
    compact: () => index("compact", catalog),
  };
}

/** Returns the ids of the hits of a search. */
export const idsOf = ({ hits }) => hits.map(({ id }) => id);
