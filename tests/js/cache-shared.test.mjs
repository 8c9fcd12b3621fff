// A cache that other loads, tabs and programs empty and fill while it is read: rows of a catalog, and the store in a folder.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { openCache } from "../../pkg/lib/cache.js";
import { folderStore } from "../../pkg/lib/store-folder.js";
import { scratch } from "./support/converter.mjs";
import { random } from "./support/corom.mjs";
import { memoryStore } from "./support/memory-store.mjs";
import { shareStore } from "./support/shared-store.mjs";
import { serveWideCatalog } from "./support/served-catalog.mjs";

const next = random(31);
const KEY = "0".repeat(64);

test("the store in a folder works while others empty the folder", async (t) => {
  const store = await folderStore(scratch(t));
  assert.deepEqual(await shareStore(store, { writes: 120 }), []);
});

describe("parts of a cached file", () => {
  const bytes = Uint8Array.from({ length: 600_000 }, () => Math.floor(next() * 256));
  const partOf = async (entry, from, to) => (await entry.readParts([[from, to]]))[0];
  const cacheOf = (store) => openCache({ folderStore: async () => store }, { cacheDir: "x" }, assert.fail);

  /** Stores the file in segments of these sizes. */
  async function fill(cache, sizes) {
    const entry = cache.entry(KEY);
    for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) {
      await entry.append(bytes.subarray(at, Math.min(bytes.length, at + sizes[i % sizes.length])));
      await entry.flush();
    }
  }

  test("are found when the file was removed and stored in other segments", async () => {
    const cache = await cacheOf(memoryStore());
    const reader = cache.entry(KEY);
    for (const sizes of [[200_000], [70_000, 90_001], [600_000], [1000, 250_000]]) {
      await fill(cache, sizes);
      for (const [from, to] of [[599_000, 600_000], [0, 10], [70_000, 210_000], [449_999, 450_001]]) {
        assert.deepEqual(await partOf(reader, from, to), bytes.subarray(from, to), `${sizes}: ${from}`);
      }
      assert.equal(await partOf(reader, 599_000, 600_001), undefined, "past the end");
      await cache.entry(KEY).drop();
      assert.equal(await partOf(reader, 0, 10), undefined);
    }
  });

  test("are missing if another search drops the file meanwhile", async () => {
    const store = memoryStore();
    const cache = await cacheOf(store);
    const reader = cache.entry(KEY);
    await fill(cache, [200_000]);
    let dropped;
    const { readParts } = store;
    store.readParts = async (...args) => {
      await (dropped ??= reader.drop());
      return readParts(...args);
    };
    assert.equal(await partOf(reader, 0, 10), undefined);
    await fill(cache, [300_000]);
    assert.deepEqual(await partOf(reader, 0, 10), bytes.subarray(0, 10));
  });

  test("are right or missing while the file is removed and stored, and found afterwards", async () => {
    const store = memoryStore();
    const pause = () => new Promise((resolve) => setTimeout(resolve, next() * 3));
    const { readParts, names } = store;
    store.readParts = async (...args) => {
      await pause();
      return readParts(...args);
    };
    store.names = async function* (folder) {
      for await (const name of names(folder)) {
        await pause();
        yield name;
      }
    };
    const cache = await cacheOf(store);
    const reader = cache.entry(KEY);
    const read = async () => {
      const from = Math.floor(next() * 590_000);
      const found = await partOf(reader, from, from + 5000);
      if (found !== undefined) assert.deepEqual(found, bytes.subarray(from, from + 5000));
      return found !== undefined;
    };
    await fill(cache, [50_000]);
    const reads = Array.from({ length: 60 }, read);
    for (const sizes of [[30_000, 1000], [120_000], [77_777]]) {
      await new Promise((resolve) => setTimeout(resolve, 4));
      await reader.drop();
      await fill(cache, sizes);
    }
    await Promise.all(reads);
    assert.ok((await Promise.all(Array.from({ length: 60 }, read))).every(Boolean), "all is stored");
  });
});

describe("a catalog whose cache is emptied meanwhile", () => {
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
  const vectorOf = () => Float32Array.from({ length: 768 }, () => next() - 0.5);
  const scoresOf = ({ hits }) => hits.map(({ id, scores }) => [id, scores.semantic]);
  async function assertWhole(shop) {
    const vector = vectorOf();
    const result = await shop.search(vector);
    assert.equal(result.estimated, undefined);
    assert.deepEqual(scoresOf(result), scoresOf(await whole.search(vector)));
  }

  for (const [entry, Class] of [
    ["corom/search", Catalog],
    ["corom/search-worker", CatalogInWorker],
  ]) {
    test(`loads and searches go on, and find what is stored again: ${entry}`, async (t) => {
      const cacheDir = scratch(t);
      const warnings = [];
      const clear = () => Class.cache.clear({ cacheDir });
      const load = (options) => {
        let clearing;
        const onProgress = ({ phase, code, file, fileLoaded }) => {
          if (phase === "warning") warnings.push(code);
          else if (file === name && fileLoaded > 300_000 && options.clearsAt === phase) clearing ??= clear();
        };
        return Class.load(server.address, { cacheDir, onProgress, ...options.given }).finally(() => clearing);
      };
      for (const clearsAt of ["download", "verify"]) {
        const shop = await load({ clearsAt });
        await assertWhole(shop);
        shop.free();
        (await load({})).free(); // so that the next load reads the cache
        assert.equal(await Class.cache.has(server.address, { cacheDir }), true);
      }
      await clear();
      const shop = await load({ given: { vectors: "codes", retries: 0 } });
      await shop.ready;
      await shop.storeRows();
      let isDone = false;
      const clearing = (async () => {
        while (!isDone) {
          await clear();
          await new Promise((resolve) => setTimeout(resolve, 20)); // a write is tried again for half a second
        }
      })();
      // A file that is emptied again and again is not said to be stored.
      const store = () => shop.storeRows().catch((error) => assert.equal(error.code, "FETCH_FAILED"));
      for (let i = 0; i < 8; i++) await Promise.all([assertWhole(shop), assertWhole(shop), i % 4 === 3 && store()]);
      isDone = true;
      await clearing;
      await clear();
      await shop.storeRows();
      assert.equal(await Class.cache.has(server.address, { cacheDir }), true);
      server.fault = () => ({ gone: true });
      for (let i = 0; i < 4; i++) await assertWhole(shop);
      server.fault = undefined;
      shop.free();
      assert.deepEqual(warnings, []);
    });
  }
});
