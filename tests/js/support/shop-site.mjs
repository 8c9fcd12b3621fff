// The shop page over products of the generator, with a fixture's model: its vectors mean nothing, but all of the page works.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { SCHEMA, products } from "../../../examples/shop/products.mjs";
import { demoRoots } from "../../../www/serve.mjs";
import { native } from "./converter.mjs";
import { useDemoSite } from "./demo-site.mjs";
import { trainedFiles } from "./rerankers.mjs";
import { SHOP_MODEL } from "./shop.mjs";

export const PRODUCTS = products(600).items;

/** Makes the shop in a folder: a catalog that has codes, and a reranker. Returns the roots of its site. */
export async function shopRoots(folder) {
  const write = (name, text) => (writeFileSync(path.join(folder, name), text), path.join(folder, name));
  const items = write("items.jsonl", PRODUCTS.map((item) => JSON.stringify(item)).join("\n"));
  const schema = write("schema.json", JSON.stringify(SCHEMA));
  const catalog = path.join(folder, "catalog");
  const built = native("index", "build", items, catalog, "--schema", schema, "--model", SHOP_MODEL, "--codes", "yes");
  assert.equal(built.status, 0, built.stderr);
  write("catalog/evaluation.json", JSON.stringify({ queries: 3, modes: ["keyword"], rows: [{ kind: "all", values: [{ ndcg: 0.5, zero: 0.25 }] }] }));
  const reranker = path.join(folder, "reranker");
  mkdirSync(reranker);
  for (const [name, bytes] of Object.entries(await trainedFiles("int8"))) write(`reranker/${name}`, bytes);
  return demoRoots(SHOP_MODEL, { catalog, reranker });
}

/** Serves the shop before the tests of the calling file; see useDemoSite. */
export function useShopSite() {
  const folder = mkdtempSync(path.join(tmpdir(), "corom-shop-page-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return useDemoSite(() => shopRoots(folder));
}
