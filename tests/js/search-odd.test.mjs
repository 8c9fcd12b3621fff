// `corom/search` with arguments of unusual kinds, and errors that say where.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { Catalog as WorkerCatalog } from "corom/search-worker";
import { serve } from "../../www/serve.mjs";
import { native } from "./support/converter.mjs";
import { Corom, failsWith } from "./support/corom.mjs";
import { SHOP_MODEL, withShop } from "./support/shop.mjs";

for (const [name, Class] of [["corom/search", Catalog], ["corom/search-worker", WorkerCatalog]]) {
  describe(name, () => {
    let shop;
    let corom;
    let delta;
    before(async () => {
      corom = await Corom.load(SHOP_MODEL);
      await withShop(async (folder) => {
        shop = await Class.load(folder);
        const { status, stderr } = native("index", "remove", folder, "p3");
        assert.equal(status, 0, stderr);
        delta = readFileSync(path.join(folder, readdirSync(folder).find((file) => file.endsWith(".delta"))));
      });
      shop.attach(corom);
    });
    after(() => (shop.free(), corom.free()));

    test("lone surrogates are U+FFFD, in the query and in filters", async () => {
      const replaced = await shop.search("鞋\ufffd", { filter: { shop: ["店1\ufffd", "店2"] }, mode: "keyword" });
      const { hits } = await shop.search("鞋\ud800", { filter: { shop: ["店1\udc00", "店2"] }, mode: "keyword" });
      assert.deepEqual(hits, replaced.hits);
      assert.equal((await shop.search("\\ud800", { mode: "keyword" })).total, 0);
      assert.equal((await shop.search("a\\\ud83d")).mode.length > 0, true);
      assert.deepEqual(await shop.suggest("\ud800"), []);
      assert.equal(await shop.item("\ud800"), undefined);
    });

    test("a vector may be the row of Embeddings, or what JSON made of it", async () => {
      const vector = await corom.embed("跑步鞋");
      const { hits } = await shop.search(vector);
      const embeddings = await corom.embed(["跑步鞋"]);
      for (const query of [embeddings, JSON.parse(JSON.stringify(embeddings)), Array.from(vector)]) {
        assert.deepEqual((await shop.search(query)).hits, hits);
        assert.deepEqual((await shop.search("", { vector: query })).hits, hits);
      }
      await failsWith("INVALID_ARGUMENT", shop.search(await corom.embed(["a", "b"])), "2 rows");
    });

    test("a megabyte as query is searched by its beginning, soon and in little memory", async () => {
      const before = shop.memoryBytes;
      const started = performance.now();
      const long = await shop.search("裤".repeat(1e6), { mode: "keyword" });
      assert.ok(performance.now() - started < 3000);
      assert.ok(shop.memoryBytes - before < 16 * 2 ** 20);
      assert.deepEqual(long.hits, (await shop.search("裤".repeat(4096), { mode: "keyword" })).hits);
      await shop.search(`${"a".repeat(4095)}😀`, { mode: "keyword" });
    });

    test("a delta may be bytes, a Blob or a Response", async () => {
      await failsWith("INVALID_ARGUMENT", shop.apply("delta"), "a Blob or a Response");
      await failsWith("INVALID_ARGUMENT", shop.apply(new Response("gone", { status: 404 })), "404");
      await failsWith("INVALID_CATALOG", shop.apply(new Blob([delta.subarray(0, -1)])));
      const { items } = shop.info;
      await shop.apply(new Response(delta));
      assert.equal(shop.info.items, items - 1);
      await failsWith("INVALID_CATALOG", shop.apply(new Blob([delta]))); // it continues another file
      assert.equal(await shop.item("p3"), undefined);
    });

    test("errors of a load name the address", async () => {
      await withShop(async (folder) => {
        const { server, address } = await serve({ "/": folder });
        try {
          await failsWith("MISSING_FILE", Class.load(`${address}wrong/`), `${address}wrong/: catalog.json`);
          await failsWith("MISSING_FILE", Class.load(path.join(folder, "wrong")), "wrong");
        } finally {
          server.close().closeAllConnections();
        }
      });
      await failsWith("INVALID_ARGUMENT", Class.load({}), "source is empty");
    });
  });
}
