// A small shop as a catalog of the native command, with vectors of a fixture's model.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { native } from "./converter.mjs";
import { FIXTURES } from "./paths.mjs";

export const SHOP_MODEL = path.join(FIXTURES, "bits/int8");
export const SHOP_DIMENSION = 64;
const SCHEMA = {
  fields: [{ name: "title", weight: 1 }, { name: "brand", weight: 0.5 }],
  attributes: [
    { name: "price", kind: "number" },
    { name: "shop", kind: "string" },
    { name: "stock", kind: "boolean" },
    { name: "tags", kind: "tags" },
    { name: "group:id", kind: "string" },
  ],
  stored: ["url"],
};

/** The items: every 7th has no price; shops, tags and groups repeat. */
export const SHOP_ITEMS = readFileSync(path.join(FIXTURES, "titles.txt"), "utf8")
  .split("\n")
  .filter((line) => line.trim())
  .slice(0, 200)
  .map((title, i) => ({
    id: `p${i}`,
    title,
    brand: ["Nike 耐克", "", "肯德基"][i % 3],
    price: i % 7 === 0 ? null : (i * 37) % 500,
    shop: `店${(i * 5) % 9}`,
    stock: i % 2 === 0,
    tags: Array.from({ length: i % 3 }, (_, j) => `标${(i + j) % 5}`),
    "group:id": `g${i % 50}`,
    url: `/p/${i}`,
  }));

/** Builds the catalog, calls `use` with its folder, and deletes it. */
export async function withShop(use) {
  const folder = mkdtempSync(path.join(tmpdir(), "corom-shop-"));
  try {
    const write = (name, text) => (writeFileSync(path.join(folder, name), text), path.join(folder, name));
    const items = write("items.jsonl", SHOP_ITEMS.map((item) => JSON.stringify(item)).join("\n"));
    const schema = write("schema.json", JSON.stringify(SCHEMA));
    const built = native("index", "build", items, path.join(folder, "catalog"), "--schema", schema, "--model", SHOP_MODEL);
    assert.equal(built.status, 0, built.stderr);
    return await use(path.join(folder, "catalog"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
