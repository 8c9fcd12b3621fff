// `vectors: "codes"` of `Catalog.load`: codes are in memory, and rows are read when a search wants them.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { wideCatalog } from "../packaging/support/edge-catalog.mjs";
import { DIMENSION, TITLES, buildCatalog } from "./support/catalogs.mjs";
import { scratch } from "./support/converter.mjs";
import { failsWith, random } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";

const ends = [];
const forAll = { after: (end) => ends.push(end) };
const next = random(11);
const vectorOf = (dimension) => Float32Array.from({ length: dimension }, () => next() - 0.5);
const wideVector = () => vectorOf(768);
let server;
let folder;
let name;
let whole; // with all rows in memory
before(async () => {
  folder = wideCatalog(forAll, { items: 2500, titles: TITLES, codes: "yes" });
  const files = Object.fromEntries(readdirSync(folder).map((file) => [file, new Uint8Array(readFileSync(path.join(folder, file)))]));
  [name] = JSON.parse(readFileSync(path.join(folder, "catalog.json"))).files;
  server = await faultServer(files);
  whole = await Catalog.load(folder);
});
after(async () => {
  whole.free();
  await server.close();
  for (const end of ends) end();
});

const requests = () => server.take().filter((request) => request.name === name);
const scoresOf = ({ hits }) => hits.map(({ id, scores }) => [id, scores.semantic]);
/** Asserts that a catalog gives the hits and scores of the catalog that has all rows. */
async function assertWhole(shop, vector, options = {}) {
  const result = await shop.search(vector, options);
  assert.equal(result.estimated, undefined);
  assert.ok(!("missingRows" in result));
  assert.deepEqual(scoresOf(result), scoresOf(await whole.search(vector, options)));
}

for (const [entry, Class] of [
  ["corom/search", Catalog],
  ["corom/search-worker", CatalogInWorker],
]) {
  describe(`vectors: "codes" in ${entry}`, () => {
    test("loads the part without rows by ranges, and reads the rows that a search wants", async () => {
      server.take();
      const shop = await Class.load(server.address, { vectors: "codes" });
      await shop.ready;
      assert.deepEqual([shop.info.hasVectors, shop.info.hasRows, whole.info.hasRows], [true, false, true]);
      const first = requests();
      assert.equal(first[0].range, "bytes=0-262143");
      assert.match(first[1].range, /^bytes=262144-\d+$/);
      assert.equal(first.length, 2);
      const sent = first.reduce((sum, request) => sum + request.sent, 0);
      assert.ok(sent < 0.4 * server.files[name].length, `${sent} bytes of ${server.files[name].length}`);
      assert.ok(shop.memoryBytes < whole.memoryBytes - 4e5, `memory ${shop.memoryBytes}, with rows ${whole.memoryBytes}`);

      const vector = wideVector();
      const early = await shop.search(vector, { readRows: false });
      assert.deepEqual([early.estimated, early.hits.length, requests().length], [true, 10, 0]);
      await failsWith("INVALID_ARGUMENT", shop.search(vector, { readRows: 1 }), "readRows");
      await assertWhole(shop, vector);
      const rows = requests();
      assert.ok(rows.length > 0 && rows.every(({ range, status }) => status === 206 && /^bytes=\d+-\d+$/.test(range)));
      await assertWhole(shop, vector);
      assert.deepEqual(requests(), [], "rows that were read stay");
      await assertWhole(shop, wideVector(), { topK: 30, filter: { price: { lt: 20 } } });
      const { hits, exact } = await shop.search(wideVector(), { sort: "price" });
      const prices = hits.map(({ attributes }) => attributes.price);
      assert.deepEqual([prices, exact], [prices.toSorted((a, b) => a - b), false]);
      assert.deepEqual(scoresOf(await shop.similar("p77")), scoresOf(await whole.similar("p77")));
      assert.deepEqual((await shop.search("女")).mode, "keyword");
      shop.free();
    });

    test("says that scores are estimates when rows cannot be read, and recovers", async () => {
      const warnings = [];
      const onProgress = ({ phase, code }) => phase === "warning" && warnings.push(code);
      const shop = await Class.load(server.address, { vectors: "codes", retries: 0, onProgress });
      await shop.ready;
      server.fault = () => ({ gone: true });
      const vector = wideVector();
      const result = await shop.search(vector);
      assert.deepEqual([result.estimated, result.exact, result.hits.length], [true, false, 10]);
      assert.equal((await shop.search(wideVector())).estimated, true);
      assert.deepEqual(warnings, ["ROWS_UNAVAILABLE"], "once");
      server.fault = () => ({ noRange: true });
      assert.equal((await shop.search(vector)).estimated, true, "a server that ignores ranges");
      server.fault = undefined;
      await assertWhole(shop, vector);
      const stop = new AbortController();
      server.fault = () => ({ stall: 0 });
      const waiting = shop.search(wideVector(), { signal: stop.signal });
      stop.abort(new Error("enough"));
      await assert.rejects(waiting, /enough/);
      const held = shop.search(wideVector());
      shop.free();
      await failsWith("FREED", held);
      server.fault = undefined;
    });

    test("reads damaged rows once more, then rejects those of another catalog", async () => {
      const shop = await Class.load(server.address, { vectors: "codes", retries: 0 });
      await shop.ready;
      server.take();
      // The first answer to each range is damaged.
      const seen = new Set();
      const once = server.files[name].map((byte, i) => (i > server.files[name].length - 1_500_000 ? byte ^ 1 : byte));
      server.fault = ({ name: asked, range }) => (asked === name && !seen.has(range) ? (seen.add(range), { other: once }) : undefined);
      await assertWhole(shop, wideVector());
      const ranges = requests().map(({ range }) => range);
      assert.ok(ranges.length > 0 && ranges.length > seen.size, "asked again");
      assert.ok(ranges.every((range) => ranges.filter((other) => other === range).length <= 2), "at most once more");
      const other = server.files[name].slice().fill(7, -1_500_000);
      server.fault = ({ name: asked }) => (asked === name ? { other } : undefined);
      await failsWith("INTEGRITY_MISMATCH", shop.search(wideVector()), "another catalog");
      const again = requests().map(({ range }) => range);
      assert.ok(again.every((range) => again.filter((other) => other === range).length <= 2), "at most once more");
      server.fault = undefined;
      await assertWhole(shop, wideVector());
      shop.free();
    });

    test("reads rows that another mirror sends damaged from the next one", async (t) => {
      const good = await faultServer(server.files);
      t.after(() => good.close());
      const shop = await Class.load([server.address, good.address], { vectors: "codes" });
      await shop.ready;
      const other = server.files[name].slice().fill(7, -1_500_000);
      server.fault = ({ name: asked }) => (asked === name ? { other } : undefined);
      await assertWhole(shop, wideVector());
      assert.ok(requests().length > 0);
      await assertWhole(shop, wideVector());
      assert.deepEqual(requests(), [], "the mirror that sent the last rows is asked first");
      server.fault = undefined;
      shop.free();
    });

    test("discards kept rows that are damaged, and reads them again", async (t) => {
      const cacheDir = scratch(t);
      const stored = await Class.load(server.address, { vectors: "codes", cacheDir });
      await stored.storeRows();
      stored.free();
      // Rows are the last part of the file. A load reads what is before them.
      const rows = server.files[name].length - 2500 * (12 + 768);
      const segments = readdirSync(cacheDir, { recursive: true }).filter((file) => Number(path.basename(file)) >= rows);
      assert.ok(segments.length > 0);
      for (const segment of segments.map((file) => path.join(cacheDir, file))) {
        writeFileSync(segment, readFileSync(segment).map((byte) => byte ^ 1));
      }
      const warnings = [];
      const onProgress = ({ phase, code }) => phase === "warning" && warnings.push(code);
      const shop = await Class.load(server.address, { vectors: "codes", cacheDir, retries: 0, onProgress });
      await shop.ready;
      // Without a server nothing is discarded.
      server.fault = () => ({ gone: true });
      const vector = wideVector();
      assert.equal((await shop.search(vector, { topK: 40 })).estimated, true);
      assert.deepEqual([warnings, await Class.cache.has(server.address, { cacheDir })], [["ROWS_UNAVAILABLE"], true]);
      server.fault = undefined;
      await assertWhole(shop, vector, { topK: 40 });
      assert.equal(await Class.cache.has(server.address, { cacheDir }), false);
      await assertWhole(shop, wideVector(), { topK: 40 });
      await shop.storeRows();
      assert.equal(await Class.cache.has(server.address, { cacheDir }), true);
      shop.free();
    });

    test("storeRows keeps the rows on this device", async (t) => {
      const cacheDir = scratch(t);
      const shop = await Class.load(server.address, { vectors: "codes", cacheDir });
      assert.equal(await Class.cache.has(server.address, { cacheDir }), false);
      const phases = [];
      await shop.storeRows({ onProgress: ({ phase }) => phases.push(phase) });
      assert.equal(phases.at(-1), "done");
      assert.equal(await Class.cache.has(server.address, { cacheDir }), true);
      server.take();
      await assertWhole(shop, wideVector());
      await shop.storeRows();
      assert.deepEqual(requests(), []);
      server.fault = () => ({ gone: true });
      const offline = await Class.load(server.address, { vectors: "codes", cacheDir, retries: 0 });
      await offline.ready;
      assert.equal(offline.info.hasRows, false);
      await assertWhole(offline, wideVector());
      server.fault = undefined;
      const kept = await Class.load(server.address, { cacheDir });
      assert.ok(kept.info.hasRows, "what was stored is the whole file");
      assert.deepEqual(requests().filter(({ range }) => range !== undefined), []);
      for (const catalog of [shop, offline, kept]) catalog.free();
      const without = await Class.load(server.address, { vectors: "codes" });
      await failsWith("UNSUPPORTED_HOST", without.storeRows(), "cacheDir");
      without.free();
    });

    test("loadRows brings the rows into memory", async (t) => {
      const cacheDir = scratch(t);
      for (const options of [{}, { cacheDir }]) {
        server.take();
        const shop = await Class.load(server.address, { vectors: "codes", ...options });
        await shop.ready;
        requests();
        // A file that is damaged on its way is requested once more.
        server.fault = ({ name: asked, count }) => (asked === name && count === 0 ? { damage: server.files[name].length - 9 } : undefined);
        const vector = wideVector();
        const phases = [];
        const [during] = await Promise.all([shop.search(vector), shop.loadRows({ onProgress: ({ phase }) => phases.push(phase) })]);
        server.fault = undefined;
        assert.equal(phases.at(-1), "done");
        assert.equal(during.hits.length, 10);
        assert.equal(shop.info.hasRows, true);
        requests();
        await assertWhole(shop, vector);
        await assertWhole(shop, wideVector(), { exact: true, topK: 30 });
        await shop.loadRows();
        assert.deepEqual(requests(), []);
        shop.free();
      }
      assert.equal(await Class.cache.has(server.address, { cacheDir }), true);
      const shop = await Class.load(server.address, { vectors: "codes", retries: 0 });
      await shop.ready;
      server.fault = () => ({ gone: true });
      await failsWith("FETCH_FAILED", shop.loadRows());
      assert.equal((await shop.search(wideVector())).estimated, true, "the catalog stays as it is");
      server.fault = undefined;
      await shop.loadRows();
      await assertWhole(shop, wideVector());
      const local = await Class.load(folder, { vectors: "codes" });
      await local.loadRows();
      assert.equal(local.info.hasRows, true);
      for (const catalog of [shop, local]) catalog.free();
    });

    test("files on disk and in memory need no server; a server without ranges still loads", async () => {
      const vector = wideVector();
      const sources = [folder, server.files, server.files[name], new Blob([server.files[name]])];
      for (const source of sources) {
        const shop = await Class.load(source, { vectors: "codes" });
        await shop.ready;
        assert.equal(shop.info.hasRows, false);
        await assertWhole(shop, vector);
        await shop.storeRows();
        shop.free();
      }
      for (const fault of [{ noRange: true }, { noTag: true }, { weak: true }, { part: 50_000 }]) {
        server.fault = ({ name: asked }) => (asked === name ? fault : undefined);
        const shop = await Class.load(server.address, { vectors: "codes" });
        await shop.ready;
        assert.deepEqual([shop.info.hasVectors, shop.info.hasRows], [true, false]);
        shop.free();
      }
      server.fault = undefined;
    });

    test("a catalog without codes loads as with `later`; changes and updates keep the vectors", async (t) => {
      const plain = buildCatalog(t);
      const own = await faultServer(plain.files());
      t.after(() => own.close());
      const shop = await Class.load(own.address, { vectors: "codes" });
      await shop.ready;
      assert.deepEqual([shop.info.hasVectors, shop.info.hasRows], [true, true]);
      const coded = buildCatalog(t, { times: 6, codes: "yes" });
      own.files = coded.files();
      await shop.update();
      assert.deepEqual([shop.info.items, shop.info.hasVectors, shop.info.hasRows], [1200, true, false]);
      coded.add({ ...coded.rows[3], embedding: undefined, id: "new" });
      coded.remove("p4");
      own.files = coded.files();
      await shop.update();
      const all = await Catalog.load(coded.catalog);
      const vector = vectorOf(DIMENSION);
      assert.deepEqual(scoresOf(await shop.search(vector, { topK: 50 })), scoresOf(await all.search(vector, { topK: 50 })));
      for (const catalog of [shop, all]) catalog.free();
    });

    test("cluster and project2d of a catalog", async (t) => {
      const built = buildCatalog(t);
      built.remove("p2");
      const shop = await Class.load(built.catalog, { vectors: "later" });
      const { ids, labels, centers, cohesion } = await shop.cluster({ k: 5, seed: 3 });
      assert.deepEqual(ids.toSorted(), built.rows.map(({ id }) => id).filter((id) => id !== "p2").toSorted());
      assert.deepEqual([labels.length, centers.length, new Set(labels).size], [ids.length, 5 * DIMENSION, 5]);
      assert.ok(cohesion > 0 && cohesion < 1);
      // Each item is nearest to the center of its own cluster.
      const vectors = new Map(built.rows.map(({ id, embedding }) => [id, embedding]));
      const wrong = ids.filter((id, i) => {
        const near = Array.from({ length: 5 }, (_, c) => vectors.get(id).reduce((sum, x, j) => sum + x * centers[c * DIMENSION + j], 0));
        return near.indexOf(Math.max(...near)) !== labels[i];
      });
      assert.ok(wrong.length <= 2, `${wrong.length} items`);
      const map = await shop.project2d();
      assert.deepEqual([map.ids, map.places.length, map.explained.length], [ids, 2 * ids.length, 2]);
      await failsWith("INVALID_ARGUMENT", shop.cluster({ k: 1000 }));
      await failsWith("INVALID_ARGUMENT", shop.cluster({}), "k");
      await failsWith("INVALID_ARGUMENT", shop.project2d({ k: 3 }), "k");
      shop.free();
      await failsWith("FREED", shop.project2d());
      const none = await Class.load(built.catalog, { vectors: "none" });
      await failsWith("INVALID_ARGUMENT", none.cluster({ k: 2 }), 'vectors: "none"');
      none.free();
    });
  });
}
