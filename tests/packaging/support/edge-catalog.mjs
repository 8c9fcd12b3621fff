// A catalog of many items with vectors of BERT-base's size, of the native command.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { index } from "../../js/support/catalogs.mjs";
import { scratch } from "../../js/support/converter.mjs";
import { random } from "../../js/support/corom.mjs";

const DIMENSION = 768;
const SCHEMA = {
  fields: [{ name: "title", weight: 1 }],
  attributes: [{ name: "price", kind: "number" }],
  vectors: { dimension: DIMENSION, metric: "dot" },
};

/** Builds a catalog whose items have titles in turn and random vectors, and codes if `codes` is "yes". Returns its folder. */
export function wideCatalog(t, { items, titles, codes = "auto" }) {
  const next = random(5);
  const row = (_, i) => {
    const embedding = Array.from({ length: DIMENSION }, () => Math.round(next() * 254 - 127));
    return JSON.stringify({ id: `p${i}`, title: `${titles[i % titles.length]} ${i}`, price: i % 500, embedding });
  };
  const folder = scratch(t);
  const write = (name, text) => (writeFileSync(path.join(folder, name), text), path.join(folder, name));
  const rows = write("items.jsonl", Array.from({ length: items }, row).join("\n"));
  index("build", rows, path.join(folder, "catalog"), "--schema", write("schema.json", JSON.stringify(SCHEMA)), "--codes", codes);
  return path.join(folder, "catalog");
}
