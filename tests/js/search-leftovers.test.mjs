// What a load or a read of a catalog leaves behind when it fails: requests, files and catalogs in WebAssembly's memory.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { takeCalls } from "./support/watched-search.mjs";
import { failsWith, random } from "./support/corom.mjs";
import { serveWideCatalog } from "./support/served-catalog.mjs";

const { Catalog } = await import("corom/search");
const next = random(43);
const vectorOf = () => Float32Array.from({ length: 768 }, () => next() - 0.5);
let served;
let server;
let name;
let size;
before(async () => {
  served = await serveWideCatalog();
  ({ server, name, size } = served);
});
after(() => served.end());

describe("a load of a catalog that fails", () => {
  test("cancels the early request for catalog.json", async () => {
    const signals = [];
    const fetchOf = (url, init) => (signals.push(init.signal), fetch(url, init));
    await failsWith("INVALID_ARGUMENT", Catalog.load(server.address, { cacheDir: "file://elsewhere/cache", fetch: fetchOf }), "cacheDir");
    for (let tries = 0; tries < 100 && !signals[0].aborted; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true]);
  });

  test("frees the file whose vectors did not arrive, and the catalog that was not taken", async () => {
    takeCalls();
    server.fault = ({ name: asked, count }) =>
      asked === name ? (count === 0 ? { cut: size - 100_000, linger: 200 } : { gone: true }) : undefined;
    const shop = await Catalog.load(server.address, { vectors: "later", retries: 0 });
    await failsWith("FETCH_FAILED", shop.ready);
    server.fault = undefined;
    const count = (call) => (calls) => calls.filter(([other, args]) => other === call && args.at(-1) === 0).length;
    const calls = takeCalls();
    assert.equal(calls.filter(([call]) => call === "catalogfile_new").length, 1);
    assert.deepEqual([count("__wbg_catalogfile_free")(calls), count("__wbg_catalog_free")(calls)], [1, 0]);
    assert.ok((await shop.search("女")).total > 0);
    shop.free();

    const onProgress = ({ phase }) => {
      if (phase === "done") throw new Error("mine");
    };
    const other = await Catalog.load(server.address, { vectors: "codes", onProgress });
    await assert.rejects(other.ready, /mine/);
    const later = takeCalls();
    assert.equal(later.filter(([call]) => call === "catalog_openCodes").length, 1);
    assert.equal(count("__wbg_catalog_free")(later), 1);
    assert.ok((await other.search("女")).total > 0);
    other.free();
  });
});

test("a read of rows that fails ends its other requests", async () => {
  const signals = [];
  const fetchOf = (url, init) => (signals.push(init.signal), fetch(url, init));
  const shop = await Catalog.load(server.address, { vectors: "codes", retries: 0, fetch: fetchOf });
  await shop.ready;
  signals.length = 0;
  let isFirst = true;
  server.fault = () => (isFirst ? ((isFirst = false), { gone: true }) : { slow: 30 });
  const result = await shop.search(vectorOf(), { topK: 2 });
  assert.equal(result.estimated, true);
  takeCalls();
  const { length } = signals;
  assert.ok(length > 1, "several requests");
  await new Promise((resolve) => setTimeout(resolve, 400)); // longer than an answer takes
  assert.deepEqual([signals.length, signals.every(({ aborted }) => aborted)], [length, true], "requests after the end");
  assert.deepEqual(takeCalls(), [], "rows that are added after the end");
  server.fault = undefined;
  shop.free();
});

test("a catalog loads where crypto.subtle is missing, as in pages without TLS", async (t) => {
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
  t.after(() => Object.defineProperty(globalThis, "crypto", own));
  for (const vectors of ["wait", "codes"]) {
    const shop = await Catalog.load(server.address, { vectors });
    await shop.ready;
    assert.equal((await shop.search(vectorOf())).estimated, undefined);
    shop.free();
  }
});
