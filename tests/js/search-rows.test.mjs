// Rows that searches in a catalog with `vectors: "codes"` have read: which ones stay in memory, and what is read again.
import assert from "node:assert/strict";
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { keptBytes, limitRows, takeCalls } from "./support/watched-search.mjs";
import { openCache } from "../../pkg/lib/cache.js";
import { RowReader } from "../../pkg/lib/search/rows.js";
import { scratch } from "./support/converter.mjs";
import { buildCatalog } from "./support/catalogs.mjs";
import { failsWith, random } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { memoryStore } from "./support/memory-store.mjs";
import { serveWideCatalog } from "./support/served-catalog.mjs";

const { Catalog } = await import("corom/search");
const ROW_BYTES = 12 + 768;
const next = random(41);
const vectorOf = () => Float32Array.from({ length: 768 }, () => next() - 0.5);
let served;
let server;
let name;
let whole;
before(async () => {
  served = await serveWideCatalog();
  ({ server, name } = served);
  whole = await Catalog.load(served.folder);
});
after(async () => {
  whole.free();
  await served.end();
});

async function loadCodes() {
  const shop = await Catalog.load(server.address, { vectors: "codes" });
  await shop.ready;
  server.take();
  takeCalls();
  return shop;
}
const ranges = () => server.take().map(({ range }) => range).sort(); // requests run in parallel
const scoresOf = ({ hits }) => hits.map(({ id, scores }) => [id, scores.semantic]);
/** Searches, and returns the ranges of bytes that the server was asked for. */
async function asked(shop, vector, options) {
  const result = await shop.search(vector, options);
  assert.equal(result.estimated, undefined);
  assert.deepEqual(scoresOf(result), scoresOf(await whole.search(vector, options)));
  return ranges();
}

test("a search makes room for the rows that it wants, once, before they are added", async () => {
  const shop = await loadCodes();
  for (let i = 0; i < 3; i++) {
    await asked(shop, vectorOf());
    const calls = takeCalls();
    const made = calls.filter(([call]) => call === "catalog_makeRoom");
    assert.equal(made.length, 1);
    assert.ok(made[0][1][1] >= ROW_BYTES, "the bytes that it wants");
    const names = calls.map(([call]) => call);
    assert.ok(names.indexOf("catalog_makeRoom") < names.indexOf("catalog_addRows"));
  }
  shop.free();
});

test("an exact search reads the rows of all items, or says that it could not", async () => {
  const shop = await loadCodes();
  const vector = vectorOf();
  // Sorted by an attribute, estimates would decide which items are hits.
  const options = { exact: true, semanticThreshold: 1, sort: ["price"], topK: 5 };
  assert.equal((await shop.search(vector, { ...options, readRows: false })).estimated, true);
  assert.deepEqual(ranges(), []);
  // The threshold is that of the whole catalog, of which items are sampled that the filter leaves out.
  const filtered = { ...options, filter: { price: { lt: 40 } } };
  for (let i = 0; i < 3; i++) {
    const vector = vectorOf();
    const narrow = await Promise.all([shop, whole].map((catalog) => catalog.search(vector, filtered)));
    assert.deepEqual(narrow.map(({ exact, total }) => [exact, total]), Array(2).fill([true, narrow[1].total]));
    assert.deepEqual(scoresOf(narrow[0]), scoresOf(narrow[1]));
  }
  // Rows of the sample are not read for other searches, which say so.
  const other = await loadCodes();
  const { exact } = await other.search(vector, { ...filtered, exact: false, filter: { price: { lt: 2 } } });
  assert.equal(exact, false);
  other.free();
  const [found, expected] = await Promise.all([shop, whole].map((catalog) => catalog.search(vector, options)));
  assert.deepEqual([found.exact, found.estimated, found.total, scoresOf(found)], [true, undefined, expected.total, scoresOf(expected)]);
  assert.equal(keptBytes(), whole.info.items * ROW_BYTES);
  const broken = await loadCodes();
  server.fault = ({ range }) => (range ? { status: 404 } : undefined);
  const estimates = await broken.search(vector, options);
  assert.deepEqual([estimates.exact, estimates.estimated], [false, true]);
  server.fault = undefined;
  shop.free();
  broken.free();
});

test("rows of other searches are dropped when there are too many", async () => {
  const unlimited = await loadCodes();
  const vectors = Array.from({ length: 3 }, vectorOf);
  for (const vector of vectors) await asked(unlimited, vector, { topK: 1 });
  assert.deepEqual(await asked(unlimited, vectors[0], { topK: 1 }), []);
  unlimited.free();
  const restore = limitRows(0);
  const shop = await loadCodes();
  for (const vector of vectors) await asked(shop, vector, { topK: 1 });
  assert.notDeepEqual(await asked(shop, vectors[0], { topK: 1 }), []);
  restore();
  shop.free();
});

test("a page reads no rows that an earlier page has read, however few are kept for other searches", async () => {
  const vector = vectorOf();
  const pages = async () => {
    const shop = await loadCodes();
    const read = [];
    for (let offset = 0; offset < 10; offset += 2) {
      const { hits, estimated } = await shop.search(vector, { topK: 2, offset });
      read.push({ ids: hits.map(({ id }) => id), estimated, ranges: ranges() });
    }
    const added = takeCalls().filter(([call]) => call === "catalog_addRows");
    shop.free();
    return { read, rows: added.reduce((sum, [, [, , , length]]) => sum + length / ROW_BYTES, 0) };
  };
  const unlimited = await pages();
  const restore = limitRows(100 * ROW_BYTES);
  assert.deepEqual(await pages(), unlimited);
  restore();
  assert.ok(unlimited.read.every(({ ids, estimated }) => ids.length === 2 && !estimated));
  assert.ok(unlimited.rows > 200 && unlimited.rows <= 2500, `${unlimited.rows} rows`);
});

test("loadRows frees the rows that searches have read, and rows that arrive later are not kept beside it", async () => {
  const shop = await loadCodes();
  await asked(shop, vectorOf(), { topK: 4 });
  assert.ok(keptBytes() >= 4 * ROW_BYTES);
  // The rows of a search arrive after all rows.
  server.fault = ({ range }) => (/^bytes=\d+-\d+$/.test(range ?? "") ? { slow: 60 } : undefined);
  let isDone = false;
  const vector = vectorOf();
  const searching = asked(shop, vector, { topK: 4 }).finally(() => (isDone = true));
  await shop.loadRows();
  assert.deepEqual([isDone, keptBytes()], [false, 0]);
  await searching;
  assert.deepEqual([keptBytes(), shop.info.hasRows], [0, true]);
  server.fault = undefined;
  shop.free();
});

test("a catalog of codes alone has no rows to load", async (t) => {
  const built = buildCatalog(t, { vectors: "1bit" });
  const codes = await faultServer(built.files());
  t.after(() => codes.close());
  const shop = await Catalog.load(codes.address, { vectors: "codes" });
  await shop.ready;
  codes.take();
  await shop.loadRows();
  assert.deepEqual(codes.take(), []);
  shop.free();
});

describe("storeRows", () => {
  /** Loads into a cache folder. `faultOf(cacheDir, n)` is called before the n-th request of the rest of the file is answered. */
  async function loadCached(t, faultOf) {
    const cacheDir = scratch(t);
    const shop = await Catalog.load(server.address, { vectors: "codes", cacheDir, retries: 1 });
    await shop.ready;
    let requests = 0;
    server.fault = ({ name: asked, range }) =>
      asked === name && /^bytes=\d+-$/.test(range ?? "bytes=0-") ? faultOf(cacheDir, ++requests) : undefined;
    return { cacheDir, shop, requests: () => requests };
  }
  const empty = (cacheDir) => {
    for (const entry of readdirSync(cacheDir)) rmSync(path.join(cacheDir, entry), { recursive: true });
  };
  const beginningIn = (cacheDir) => readdirSync(cacheDir).map((entry) => path.join(cacheDir, entry, "0")).find((file) => existsSync(file));
  const isKept = (cacheDir) => Catalog.cache.has(server.address, { cacheDir });

  test("transfers the file again if the cache was emptied meanwhile", async (t) => {
    const { cacheDir, shop, requests } = await loadCached(t, (cacheDir, n) => void (n === 1 && empty(cacheDir)));
    await shop.storeRows();
    assert.deepEqual([requests(), await isKept(cacheDir)], [2, true]);
    await shop.storeRows();
    assert.equal(requests(), 2);
    // Only the end is there, as after an eviction of single files.
    rmSync(beginningIn(cacheDir));
    assert.equal(await isKept(cacheDir), false);
    await shop.storeRows();
    assert.deepEqual([requests(), await isKept(cacheDir)], [3, true]);
    shop.free();
  });

  test("rejects with FETCH_FAILED if it is emptied again and again, and stores the file later", async (t) => {
    // The second time when its beginning is stored: the connection breaks off, and the download goes on behind it.
    const faultOf = (cacheDir, n) => {
      if (n === 1) empty(cacheDir);
      const linger = async () => {
        while (beginningIn(cacheDir) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
        empty(cacheDir);
      };
      return n === 2 ? { cut: 1_500_000, linger } : undefined;
    };
    const { cacheDir, shop, requests } = await loadCached(t, faultOf);
    await failsWith("FETCH_FAILED", shop.storeRows(), "call storeRows again");
    assert.deepEqual([requests(), await isKept(cacheDir)], [3, false]);
    await shop.storeRows();
    assert.equal(await isKept(cacheDir), true);
    shop.free();
  });

  test("rejects with OUT_OF_MEMORY if storage is full, and stores the file when there is room", async () => {
    const store = memoryStore();
    const cache = await openCache({ folderStore: async () => store }, { cacheDir: "x" }, () => {});
    const size = 5 << 20;
    const { write } = store;
    let room = 2;
    store.write = async (...args) => {
      if (room-- <= 0) throw new DOMException("no room", "QuotaExceededError");
      return write(...args);
    };
    let fed = 0;
    const transfer = async (sink) => {
      const entry = cache.entry("a");
      const length = await entry.storedBytes();
      entry.length = length;
      for (let at = length; at < size; at += 1 << 20) {
        sink.feed(name, new Uint8Array(1 << 20));
        await entry.append(new Uint8Array(1 << 20));
        fed++;
      }
    };
    const entry = cache.entry("a");
    const reader = new RowReader({ name, isRemote: true, cache, entry, transfer, note: async () => true, options: {} });
    await failsWith("OUT_OF_MEMORY", reader.store(size, {}), "storage of this device is full");
    assert.equal(fed, 3, "nothing is transferred that would not be kept");
    room = 9;
    await reader.store(size, {});
    assert.deepEqual([fed, await entry.storedBytes()], [6, size]);
    // A cache whose writes fail in another way does not have the file either.
    await entry.drop();
    store.write = async () => {
      throw new Error("broken");
    };
    await failsWith("FETCH_FAILED", reader.store(size, {}), "cannot be written");
  });
});

describe("requests for rows", () => {
  const isRun = ({ name: asked, range }) => asked === name && /^bytes=\d+-\d+$/.test(range ?? "");
  const load = async (options) => {
    const shop = await Catalog.load(server.address, { vectors: "codes", ...options });
    await shop.ready;
    server.take();
    return shop;
  };

  test("are sent again after transient errors, as often as retries says", async () => {
    const shop = await load({ retries: 2 });
    const faults = [{ gone: true }, { status: 503 }];
    const given = new Map();
    server.fault = (request) => {
      if (!isRun(request)) return undefined;
      const count = given.get(request.range) ?? 0;
      given.set(request.range, count + 1);
      return faults[count];
    };
    const vector = vectorOf();
    const began = performance.now();
    const result = await shop.search(vector, { topK: 2 });
    assert.equal(result.estimated, undefined);
    assert.deepEqual(scoresOf(result), scoresOf(await whole.search(vector, { topK: 2 })));
    assert.ok(performance.now() - began > 550, "it waits, longer the second time");
    assert.ok([...given.values()].every((count) => count === 3));
    faults.push({ cut: 100 });
    given.clear();
    assert.equal((await shop.search(vectorOf(), { topK: 2 })).estimated, true, "a third error");
    assert.ok([...given.values()].some((count) => count === 3) && [...given.values()].every((count) => count <= 3));
    server.fault = undefined;
    shop.free();
  });

  test("are not sent again after other errors, and waiting ends with the search", async () => {
    const shop = await load({ retries: 5 });
    server.fault = (request) => (isRun(request) ? { status: 404 } : undefined);
    assert.equal((await shop.search(vectorOf(), { topK: 2 })).estimated, true);
    const ranges = server.take().map(({ range }) => range);
    assert.equal(new Set(ranges).size, ranges.length, "each once");
    server.fault = (request) => (isRun(request) ? { status: 503, headers: { "retry-after": "9" } } : undefined);
    const stop = new AbortController();
    const began = performance.now();
    const searching = shop.search(vectorOf(), { topK: 2, signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 200);
    await assert.rejects(searching, /enough/);
    assert.ok(performance.now() - began < 3000);
    server.fault = undefined;
    shop.free();
  });
});
