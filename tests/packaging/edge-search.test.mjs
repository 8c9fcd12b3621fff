// examples/edge in workerd: /search over a catalog in static assets or R2, and over an index in place of Vectorize.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { SHOP_ITEMS, SHOP_MODEL, withShop } from "../js/support/shop.mjs";
import { CATALOG_PATH, startService } from "./support/edge.mjs";
import { INSTALLED, WORKSPACE } from "./support/places.mjs";

const { Catalog } = await import(`${INSTALLED}/search-node.js`);
const { Corom } = await import(`${INSTALLED}/node.js`);

const folder = mkdtempSync(path.join(WORKSPACE, "catalog-"));
await withShop((catalog) => cpSync(catalog, folder, { recursive: true }));

describe("/search", () => {
  let service;
  let shop;
  let corom;
  before(async () => {
    service = await startService({ model: SHOP_MODEL, catalog: folder, vars: { CATALOG_PATH, QUALITY: "exact" } });
    corom = await Corom.load(SHOP_MODEL, { quality: "exact" });
    shop = (await Catalog.load(folder)).attach(corom);
  });
  after(async () => {
    shop.free();
    corom.free();
    await service.stop();
  });
  const answer = async (...args) => {
    const response = await service.ask(...args);
    assert.equal(response.status, 200, await response.clone().text());
    return response.json();
  };

  test("has the hits, scores and facets of Catalog.search", async () => {
    for (const [query, options] of [
      ["跑步鞋", {}],
      ["女", { filter: { stock: true, price: { lt: 300 } }, facets: ["shop"], topK: 5 }],
      ["", { sort: "price:desc", topK: 3, offset: 2 }],
      ["nike", { mode: "keyword", distinct: "shop" }],
    ]) {
      const { timing, ...expected } = await shop.search(query, options);
      assert.deepEqual(await answer("/search", { query, ...options }), JSON.parse(JSON.stringify(expected)), query);
      const address = `/search?q=${encodeURIComponent(query)}&options=${encodeURIComponent(JSON.stringify(options))}`;
      assert.deepEqual(await answer(address), JSON.parse(JSON.stringify(expected)), address);
    }
  });

  test("has an ETag for each question, and answers 304 to it", async () => {
    const first = await service.ask("/search?q=鞋");
    const tag = first.headers.get("etag");
    assert.match(tag, /^"[0-9a-f]{24}"$/);
    assert.equal(first.headers.get("cache-control"), "private, max-age=60");
    await first.json();
    const headers = { "if-none-match": tag, authorization: "Bearer a-token-of-the-test" };
    const again = await fetch(new URL("/search?q=鞋", service.address), { headers });
    assert.deepEqual([again.status, await again.text(), again.headers.get("etag")], [304, "", tag]);
    const weak = await fetch(new URL("/search?q=鞋", service.address), { headers: { ...headers, "if-none-match": `"x", W/${tag}` } });
    assert.deepEqual([weak.status, await weak.text()], [304, ""]);
    const other = await fetch(new URL("/search?q=裤", service.address), { headers });
    assert.equal(other.status, 200);
    assert.notEqual(other.headers.get("etag"), tag);
    await other.json();
  });

  test("rejects what is wrong, and then still serves", async () => {
    for (const [status, where, body, words] of [
      [422, "/search", { query: 5 }, "query"],
      [422, "/search", { query: "a", limit: 5 }, "limit"],
      [422, "/search", { query: "a", filter: { prize: 5 } }, "prize"],
      [422, "/search", { query: "a", mode: "fast" }, "mode"],
      [413, "/search", { query: "长".repeat(40_000) }, "too long"],
      [400, "/search?q=a&options={", undefined, "JSON"],
      [422, "/search?q=a&options={%22top%22:1}", undefined, "top"],
    ]) {
      const response = await service.ask(where, body);
      const { error } = await response.json();
      assert.equal(response.status, status, `${where} ${JSON.stringify(body)}: ${error}`);
      assert.ok(error.includes(words), error);
    }
    assert.equal((await service.ask("/search?q=a", undefined, { token: "" })).status, 401);
    assert.equal((await service.ask("/search", undefined, { method: "PUT" })).status, 405);
    assert.ok((await answer("/search", { query: "鞋" })).total > 0);
    assert.equal((await answer("/search", { query: "", topK: 1e6 })).hits.length, 100);
  });
});

test("/search over a catalog in an R2 bucket", async () => {
  const service = await startService({ bucket: SHOP_MODEL, catalog: folder, vars: { CATALOG_PATH, QUALITY: "exact" } });
  const shop = await Catalog.load(folder);
  try {
    const { timing, ...expected } = await shop.search("跑步鞋", { mode: "keyword" });
    const response = await service.ask("/search", { query: "跑步鞋", mode: "keyword" });
    assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(expected)));
    assert.ok(expected.hits.length > 0);
    const hybrid = await service.ask("/search", { query: "跑步鞋" });
    assert.equal((await hybrid.json()).mode, "hybrid");
  } finally {
    shop.free();
    await service.stop();
  }
});

test("/search without a catalog is 404", async () => {
  const service = await startService({ model: SHOP_MODEL });
  try {
    const response = await service.ask("/search", { query: "a" });
    assert.deepEqual([response.status, (await response.json()).error.includes("CATALOG_PATH")], [404, true]);
  } finally {
    await service.stop();
  }
});

test("/search gives the nearest items of a Vectorize index", async () => {
  // The index answers with what it was asked.
  const vectorize = `export default () => ({
    query: async (vector, { topK, returnMetadata }) => ({
      matches: [{ id: "p1", score: 0.5, metadata: { first: vector[0], length: vector.length, topK, returnMetadata } }],
    }),
  });`;
  const service = await startService({ model: SHOP_MODEL, vectorize, vars: { QUALITY: "exact" } });
  const corom = await Corom.load(SHOP_MODEL, { quality: "exact" });
  try {
    const response = await service.ask("/search", { query: SHOP_ITEMS[0].title, topK: 3 });
    const [first] = await corom.embed(SHOP_ITEMS[0].title);
    assert.deepEqual(await response.json(), {
      hits: [{ id: "p1", score: 0.5, attributes: { first, length: 64, topK: 3, returnMetadata: "all" } }],
      total: 1,
      mode: "semantic",
    });
  } finally {
    corom.free();
    await service.stop();
  }
});
