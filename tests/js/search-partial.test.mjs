// `vectors` of `Catalog.load`: keywords are searched while the vectors arrive, or without them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { wideCatalog } from "../packaging/support/edge-catalog.mjs";
import { DIMENSION, TITLES, buildCatalog, idsOf, randomVector } from "./support/catalogs.mjs";
import { scratch } from "./support/converter.mjs";
import { failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";

const ends = [];
let server;
let built;
let name;
let size;
let wide; // most of its bytes are vectors
before(async () => {
  built = buildCatalog({ after: (end) => ends.push(end) }, { times: 6 });
  built.patch({ p1: { price: 7 } });
  built.remove("p2");
  wide = wideCatalog({ after: (end) => ends.push(end) }, { items: 2500, titles: TITLES });
  [name] = built.names();
  const files = built.files();
  size = files[name].length;
  server = await faultServer(files);
});
after(async () => {
  await server.close();
  for (const end of ends) end();
});

/** Makes the server keep back the last bytes of the catalog, its vectors, until the returned function is called. */
function holdVectors() {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  server.take();
  // The connection breaks off when the test says so, and the rest is requested.
  server.fault = ({ name: asked, count }) => (asked === name && count === 0 ? { cut: size - 40_000, linger: () => released } : undefined);
  return release;
}

for (const [entry, Class] of [
  ["corom/search", Catalog],
  ["corom/search-worker", CatalogInWorker],
]) {
  describe(`Catalog.load of ${entry}`, () => {
    test("with vectors: later resolves with the keywords, and the vectors join", async () => {
      server.files = built.files();
      const release = holdVectors();
      const whole = await Catalog.load(built.catalog);
      const embedded = [];
      const corom = { info: { dimension: DIMENSION }, embed: async (text) => (embedded.push(text), randomVector()) };
      const phases = [];
      const shop = await Class.load(server.address, { vectors: "later", onProgress: ({ phase }) => phases.push(phase) });
      shop.attach(corom);
      assert.deepEqual([shop.info.hasVectors, shop.info.vectors.dimension, phases.includes("done")], [false, DIMENSION, false]);
      const { timing, ...early } = await shop.search("女", { topK: 20 });
      const { timing: _, ...keyword } = await whole.search("女", { topK: 20 });
      assert.deepEqual(early, keyword, "keyword hits, with all deltas");
      assert.deepEqual(embedded, [], "no query is embedded that nothing could use");
      assert.equal((await shop.item("p1")).attributes.price, 7);
      assert.equal(await shop.item("p2"), undefined);

      // A change meanwhile is not lost; a search that needs vectors waits for them, unless it is aborted.
      const price = 1000 + entry.length; // another one for each class: what changes nothing is not written
      built.patch({ p3: { price } });
      await shop.apply(built.files()[built.names().at(-1)]);
      const vector = randomVector();
      const waiting = shop.search(vector, { topK: 20 });
      const similar = shop.similar("p5");
      const collapsed = shop.search("女", { mode: "keyword", collapse: 0.9 }); // compares vectors
      const stop = new AbortController();
      const aborted = shop.search("女", { mode: "hybrid", signal: stop.signal });
      stop.abort(new Error("enough"));
      await assert.rejects(aborted, /enough/);
      release();
      await shop.ready;
      assert.ok(shop.info.hasVectors && phases.at(-1) === "done");
      assert.deepEqual(idsOf(await waiting), idsOf(await whole.search(vector, { topK: 20 })));
      assert.deepEqual(idsOf(await similar), idsOf(await whole.similar("p5")));
      assert.deepEqual(idsOf(await collapsed), idsOf(await whole.search("女", { mode: "keyword", collapse: 0.9 })));
      assert.equal((await shop.item("p3")).attributes.price, price);
      await shop.search("女");
      assert.deepEqual(embedded, ["女"]);
      assert.match(server.take().findLast((request) => request.name === name).range, /^bytes=[1-9]/);
      for (const catalog of [shop, whole]) catalog.free();
    });

    test("a failure of the rest rejects `ready`; keywords go on working, and `update` tries again", async () => {
      server.take();
      // The connection breaks off when the deltas are here.
      const linger = () => new Promise((resolve) => setTimeout(resolve, 1000));
      server.fault = ({ name: asked }) => (asked === name ? { cut: size - 40_000, linger } : undefined);
      const shop = await Class.load(server.address, { vectors: "later", retries: 0 });
      await failsWith("FETCH_FAILED", shop.ready, "broke off");
      assert.ok((await shop.search("女")).total > 0 && !shop.info.hasVectors);
      server.fault = undefined;
      await shop.update();
      assert.equal(shop.info.hasVectors, true);
      await shop.ready;
      shop.free();
    });

    test("an abort and `free` end the rest", async () => {
      for (const how of ["abort", "free"]) {
        const release = holdVectors();
        const stop = new AbortController();
        const shop = await Class.load(server.address, { vectors: "later", signal: stop.signal });
        const { ready } = shop;
        if (how === "free") shop.free();
        else stop.abort(new Error("enough"));
        if (how === "free") await failsWith("FREED", ready);
        else await assert.rejects(ready, /enough/);
        if (how === "abort") assert.ok((await shop.search("女")).total > 0);
        release();
        shop.free();
      }
    });

    test("with vectors: none fetches no more than the keywords need", async (t) => {
      const cacheDir = scratch(t);
      const release = holdVectors();
      const shop = await Class.load(server.address, { vectors: "none", cacheDir });
      await shop.ready;
      release();
      assert.deepEqual([shop.info.hasVectors, shop.info.vectors.dimension], [false, DIMENSION]);
      assert.ok((await shop.search("女")).total > 0);
      const [part, all] = await Promise.all(["none", "wait"].map((vectors) => Class.load(wide, { vectors })));
      assert.ok(part.memoryBytes < all.memoryBytes - 1e6, `memory ${part.memoryBytes}, with vectors ${all.memoryBytes}`);
      for (const catalog of [part, all]) catalog.free();
      await failsWith("INVALID_ARGUMENT", () => shop.search(randomVector()), 'vectors: "none"');
      await failsWith("INVALID_ARGUMENT", () => shop.similar("p5"), 'vectors: "none"');
      await shop.update();
      assert.equal(shop.info.hasVectors, false);
      assert.equal(await Class.cache.has(server.address, { cacheDir }), false, "a part is kept");

      // Offline the part is enough; with a network, a load that wants vectors fetches only the rest.
      server.fault = () => ({ gone: true });
      const again = await Class.load(server.address, { vectors: "none", cacheDir, retries: 0 });
      assert.ok((await again.search("女")).total > 0);
      server.fault = undefined;
      server.take();
      const whole = await Class.load(server.address, { cacheDir });
      assert.equal(whole.info.hasVectors, true);
      const ranges = server.take().filter((request) => request.name === name);
      assert.match(ranges[0].range, /^bytes=[1-9]/);
      for (const catalog of [shop, again, whole]) catalog.free();
    });

    test("files in memory and on disk need no server", async () => {
      for (const source of [built.catalog, built.files(), new Map(Object.entries(built.files()))]) {
        for (const vectors of ["wait", "later", "none"]) {
          const shop = await Class.load(source, { vectors });
          await shop.ready;
          assert.equal(shop.info.hasVectors, vectors !== "none");
          shop.free();
        }
      }
      await failsWith("INVALID_ARGUMENT", () => Class.load(built.catalog, { vectors: "soon" }), "vectors", "later");
    });
  });
}
