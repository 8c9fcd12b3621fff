// What a load or a read of a catalog leaves behind when it fails: requests, files and catalogs in WebAssembly's memory.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { failNext, liveObjects, takeCalls } from "./support/watched-search.mjs";
import { buildCatalog } from "./support/catalogs.mjs";
import { failsWith, random } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { serveWideCatalog } from "./support/served-catalog.mjs";

const { Catalog, CoromError } = await import("corom/search");
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

describe("changes that fail", () => {
  const ONE = { files: 0, catalogs: 1 };
  let files;
  let changing;
  /** The names of two deltas with items, which are not in the folder that the server has at first. */
  let deltas;
  const listed = (...names) => ({ ...files, "catalog.json": new TextEncoder().encode(JSON.stringify({ format: 1, files: names, stored: ["url"] })) });
  const nameOfFirst = () => JSON.parse(new TextDecoder().decode(files["catalog.json"])).files[0];
  let end;
  before(async () => {
    const catalog = buildCatalog({ after: (work) => (end = work) });
    catalog.add({ id: "new", title: "新品围巾".repeat(2000) });
    catalog.add({ id: "newer", title: "更新的围巾".repeat(2000) });
    files = catalog.files();
    deltas = JSON.parse(new TextDecoder().decode(files["catalog.json"])).files.slice(1);
    changing = await faultServer(listed(nameOfFirst()));
  });
  after(async () => {
    await changing.close();
    end();
  });

  test("apply frees a delta that is damaged, cut, or out of order", async () => {
    const shop = await Catalog.load(changing.address);
    const [good, other] = deltas.map((delta) => files[delta]);
    const damaged = good.map((byte, i) => (i === good.length - 9 ? byte ^ 1 : byte));
    const before = shop.memoryBytes;
    for (let i = 0; i < 200; i++) {
      await failsWith("INTEGRITY_MISMATCH", shop.apply(damaged));
      await failsWith("INTEGRITY_MISMATCH", shop.apply(good.subarray(0, good.length - 1)));
      await failsWith("INVALID_CATALOG", shop.apply(other), "out of order");
    }
    assert.deepEqual(liveObjects(), ONE);
    assert.ok(shop.memoryBytes - before < 65536 * 4, `${shop.memoryBytes - before} bytes more`);
    await shop.apply(good);
    assert.deepEqual([liveObjects(), shop.info.items], [ONE, 201]);
    shop.free();
  });

  test("update frees deltas that cannot be fetched, are damaged, or do not follow", async () => {
    const shop = await Catalog.load(changing.address, { retries: 0 });
    const [first, second] = deltas;
    const before = shop.memoryBytes;
    const faults = [
      ["FETCH_FAILED", [first, second], ({ name: asked }) => (asked === second ? { gone: true } : asked === first ? { slow: 5 } : undefined)],
      ["INTEGRITY_MISMATCH", [first, second], ({ name: asked }) => (asked === second ? { damage: 3000 } : undefined)],
      ["INVALID_CATALOG", [second, first], undefined],
      ["MISSING_FILE", [first, `${"0".repeat(64)}.delta`], undefined],
    ];
    for (const [code, names, fault] of faults) {
      changing.files = listed(nameOfFirst(), ...names);
      changing.fault = fault;
      for (let i = 0; i < 10; i++) await failsWith(code, shop.update());
      assert.deepEqual(liveObjects(), ONE, code);
      changing.fault = undefined;
    }
    assert.ok(shop.memoryBytes - before < 65536 * 4, `${shop.memoryBytes - before} bytes more`);
    changing.files = listed(nameOfFirst(), ...deltas);
    await shop.update();
    assert.deepEqual([liveObjects(), shop.info.items], [ONE, 202]);
    shop.free();
    changing.files = listed(nameOfFirst());
  });

  test("a delta that only the arriving vectors reject frees the catalog that has them", async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const first = nameOfFirst();
    changing.take();
    changing.fault = ({ name: asked, count }) =>
      asked === first && count === 0 ? { cut: files[first].length - 3000, linger: () => held } : undefined;
    const shop = await Catalog.load(changing.address, { vectors: "later" });
    await shop.apply(files[deltas[0]]);
    assert.deepEqual(liveObjects(), { files: 2, catalogs: 1 }, "the file that arrives, and the delta that it needs");
    failNext("catalog_apply", new CoromError("INVALID_CATALOG", "mine"));
    release();
    await failsWith("INVALID_CATALOG", shop.ready, "mine");
    assert.deepEqual(liveObjects(), ONE);
    assert.deepEqual([shop.info.items, shop.info.hasVectors], [201, false]);
    changing.fault = undefined;
    shop.free();
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
