// `corom/search-worker`: the same results and errors as `corom/search`, several questions at the same time, and what
// happens when the worker ends.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import vm from "node:vm";
import { Worker } from "node:worker_threads";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { Corom as CoromInWorker } from "corom/worker";
import { TITLES, buildCatalog, randomVector } from "./support/catalogs.mjs";
import { Corom, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { FIXTURES, PKG } from "./support/paths.mjs";

const MODEL = path.join(FIXTURES, "bits/int8");
const THREAD = path.join(PKG, "search-worker-thread-node.js");

const ends = [];
let built;
let here;
let there;
before(async () => {
  built = buildCatalog({ after: (end) => ends.push(end) });
  built.patch({ p1: { price: 7 } });
  [here, there] = await Promise.all([Catalog.load(built.catalog), CatalogInWorker.load(built.catalog)]);
});
after(() => {
  for (const catalog of [here, there]) catalog.free();
  for (const end of ends) end();
});

const withoutTiming = ({ timing, ...result }) => result;

describe("Catalog of corom/search-worker", () => {
  test("has the results of corom/search, with many calls at the same time", async () => {
    assert.deepEqual({ ...there.info }, { ...here.info });
    assert.ok(there.memoryBytes > 0 && there instanceof CatalogInWorker);
    const vector = randomVector();
    const calls = [
      (shop) => shop.search("女 鞋", { explain: true, facets: ["shop"], topK: 30 }),
      (shop) => shop.search("", { sort: "price:desc", filter: { stock: true } }),
      (shop) => shop.search(vector, { topK: 30 }),
      (shop) => shop.search("女", { vector: Array.from(vector), mode: "hybrid", boost: { price: 0.3 } }),
      (shop) => shop.similar("p3", { topK: 5 }),
      async (shop) => ({ list: await shop.suggest("女", { limit: 3 }) }),
      async (shop) => ({ item: await shop.item("p1"), nothing: await shop.item("nothing") }),
    ];
    const answers = (shop) => Promise.all([...calls, ...calls].map(async (call) => withoutTiming(await call(shop))));
    const [expected, found] = await Promise.all([answers(here), answers(there)]);
    assert.deepEqual(found, expected);
    for (const result of found) assert.deepEqual(structuredClone(result), result);
  });

  test("has the errors of corom/search, with their codes", async () => {
    const failing = [
      (shop) => shop.search(7),
      (shop) => shop.search("x", { topk: 3 }),
      (shop) => shop.search("x", { filter: { prise: 1 } }),
      (shop) => shop.search(new Float32Array(3)),
      (shop) => shop.similar("none"),
      (shop) => shop.apply(new Uint8Array(9)),
      (shop) => shop.apply("x"),
      (shop) => shop.suggest("x", { limt: 1 }),
      (shop) => shop.item(undefined),
      (shop) => shop.attach({}),
      (shop) => shop.attach({ embed() {}, info: { dimension: 3 } }),
    ];
    for (const work of failing) {
      const outcome = async (shop) => work(shop);
      const expected = await outcome(here).then(() => assert.fail("resolved"), (error) => error);
      const found = await failsWith(expected.code, outcome(there));
      assert.equal(found.message, expected.message);
    }
    await failsWith("MISSING_FILE", () => CatalogInWorker.load(path.join(built.catalog, "none")));
    await failsWith("INVALID_ARGUMENT", () => CatalogInWorker.load(built.catalog, { worker: 7 }), "worker");
    await failsWith("INVALID_ARGUMENT", () => CatalogInWorker.load(built.catalog, { workers: 2 }), "did you mean worker");
    await failsWith("INVALID_CATALOG", () => CatalogInWorker.load(new Uint8Array(100)));
    await failsWith("INVALID_ARGUMENT", async () => new CatalogInWorker(), "Catalog.load");
    await failsWith("FETCH_FAILED", () => CatalogInWorker.load(built.catalog, { wasm: Promise.reject(new Error("no")) }), "wasm");
  });

  test("embeds with a model of any thread, behind a Proxy too", async () => {
    const shop = new Proxy(there, {});
    const expected = await Corom.load(MODEL);
    const corom = await CoromInWorker.load(MODEL);
    const texts = TITLES.slice(0, 3);
    for (const text of texts) {
      here.attach(expected);
      shop.attach(new Proxy(corom, {}));
      assert.deepEqual(withoutTiming(await shop.search(text)), withoutTiming(await here.search(text)));
    }
    assert.equal((await shop.search(texts[0])).mode, "hybrid");
    for (const catalog of [here, shop]) catalog.attach(null);
    assert.equal((await shop.search(texts[0])).mode, "keyword");
    corom.free();
    expected.free();
  });

  test("takes bytes of any realm, a Blob, the caller's fetch, and mirrors", async (t) => {
    const files = built.files();
    const server = await faultServer(files);
    t.after(() => server.close());
    const [name, delta] = built.names();
    const context = vm.createContext();
    const foreign = vm.runInContext("(list) => new Uint8Array(list)", context)(Array.from(files[name]));
    const shared = new Uint8Array(new SharedArrayBuffer(files[name].length));
    shared.set(files[name]);
    const urls = [];
    const fetch = async (url, init) => (urls.push(url), globalThis.fetch(url, init));
    for (const Class of [Catalog, CatalogInWorker]) {
      for (const source of [foreign, shared, new Blob([files[name]]), new Response(files[name]), files[name].buffer]) {
        const shop = await Class.load(source);
        await shop.apply(files[delta]);
        assert.equal(shop.info.version, here.info.version);
        shop.free();
      }
      const shop = await Class.load([`${server.address}none/`, server.address], { fetch, retries: 0 });
      assert.equal(shop.info.version, here.info.version);
      shop.free();
    }
    // The mirror that has the list is asked first for the files.
    assert.deepEqual(urls.slice(0, 5).map((url) => url.includes("/none/")), [true, false, false, false, true].slice(0, urls.length));
    assert.equal(urls.length, 8);
  });

  test("a call that is aborted, and a worker that ends, leave the catalog usable", async () => {
    const workers = [];
    const worker = () => workers[workers.push(new Worker(THREAD)) - 1];
    const own = built.files();
    const [name, delta] = built.names();
    const shop = await CatalogInWorker.load(own[name], { worker });
    await shop.apply(own[delta]);
    const { version } = shop.info;
    const stop = new AbortController();
    const aborted = shop.search("女", { signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(aborted, /enough/);
    const older = shop.search("女", { abortPrevious: true });
    const newer = shop.search("男", { abortPrevious: true });
    await assert.rejects(older, { name: "AbortError" });
    assert.ok((await newer).total > 0);

    await workers[0].terminate();
    assert.equal(shop.memoryBytes, 0);
    const [first, second] = await Promise.all([shop.search("女"), shop.item("p1")]);
    assert.ok(first.total > 0 && second.attributes.price === 7, "deltas are applied again");
    assert.deepEqual([workers.length, shop.info.version], [2, version]);
    const pending = shop.search("女");
    shop.free();
    await failsWith("FREED", pending);
    await failsWith("FREED", () => shop.search("女"));
    assert.equal(shop.info.version, version);
    await assert.rejects(CatalogInWorker.load(built.catalog, { signal: AbortSignal.abort(new Error("enough")) }), /enough/);
  });
});
