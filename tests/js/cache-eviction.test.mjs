// The files that the cache deletes, and when: replaced versions, files of loads that never ended, manifests of changing addresses;
// and how it behaves when storage is full.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { openCache } from "../../pkg/lib/cache.js";
import { Corom } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, NAMES, SHARD, loadsRight, warningsOf, withFolder } from "./support/loading.mjs";
import { memoryStore } from "./support/memory-store.mjs";

const DAY = 24 * 60 * 60 * 1000;
const ADDRESS = "https://a.example/model/";
const hash = (digit) => String(digit).repeat(64);
const manifestOf = (...digits) =>
  new TextEncoder().encode(JSON.stringify({ files: digits.map((digit) => ({ path: "f", sha256: hash(digit) })) }));

/** Returns a cache in memory, its warnings, and functions that fill it and list what it holds. */
async function cacheIn(store = memoryStore()) {
  const warnings = [];
  const cache = await openCache({ folderStore: async () => store }, { cacheDir: "x" }, (code) => warnings.push(code));
  return {
    store,
    cache,
    warnings,
    async fill(...digits) {
      for (const digit of digits) await cache.entry(hash(digit)).append(new Uint8Array(1 << 20));
    },
    async files() {
      const folders = [];
      for await (const folder of store.folders()) if (folder !== "manifests") folders.push(folder[0]);
      return folders.sort().join("");
    },
    async manifests() {
      const names = [];
      for await (const name of store.names("manifests")) names.push(name);
      return names.length;
    },
  };
}

describe("storeManifest deletes", () => {
  test("files that only the previous manifest of the address lists", async () => {
    const { cache, fill, files } = await cacheIn();
    await fill(1, 2, 3);
    await cache.storeManifest(ADDRESS, manifestOf(1, 2));
    await cache.storeManifest("https://b.example/", manifestOf(3));
    await cache.storeManifest(ADDRESS, manifestOf(2));
    assert.equal(await files(), "23");
  });

  test("files that no manifest lists and that did not grow for a week", async () => {
    const { store, cache, fill, files } = await cacheIn();
    await fill(1, 2, 3, 4);
    store.age(hash(2), Date.now() - 8 * DAY);
    store.age(hash(3), Date.now() - 6 * DAY); // a load may still continue it
    await cache.storeManifest(ADDRESS, manifestOf(1));
    assert.equal(await files(), "134");
    store.age(hash(1), Date.now() - 99 * DAY);
    store.age(hash(3), Date.now() - 8 * DAY);
    await cache.storeManifest(ADDRESS, manifestOf(1));
    assert.equal(await files(), "14");
  });

  test("in a full cache, files that no manifest lists and that did not grow for an hour", async () => {
    const { store, cache, fill, files } = await cacheIn();
    await fill(1, 2, 3);
    store.age(hash(2), Date.now() - DAY / 12);
    store.age(hash(3), Date.now() - DAY / 48);
    fullFor(store, 1);
    await fill(1);
    await cache.storeManifest(ADDRESS, manifestOf(1));
    assert.equal(await files(), "13");
  });

  test("all but the latest manifests of an address with other queries, and their files", async () => {
    const { store, cache, fill, files, manifests } = await cacheIn();
    await fill(1, 2, 3, 4, 5, 6, 7);
    await cache.storeManifest(ADDRESS, manifestOf(7));
    for (const digit of [1, 2, 3, 4, 5, 6]) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await cache.storeManifest(`${ADDRESS}?signature=${digit}`, manifestOf(digit));
      if (digit > 1) await cache.storeManifest(`${ADDRESS}?signature=1`, manifestOf(1)); // used again each time
    }
    assert.equal(await manifests(), 5);
    assert.equal(await files(), "14567");
    // Another query may name another model, so its manifest is never used instead.
    assert.equal(await cache.manifest(`${ADDRESS}?signature=9`), undefined);
    assert.deepEqual(await cache.manifest(`${ADDRESS}?signature=1`), manifestOf(1));
    assert.deepEqual(await cache.manifest(ADDRESS), manifestOf(7));
    assert.equal(await store.read("manifests", "none"), undefined);
  });
});

/** Lets the next `count` writes fail as they do when storage is full. */
function fullFor(store, count) {
  const { write } = store;
  store.write = async (...args) => {
    if (count-- > 0) throw new DOMException("no room", "QuotaExceededError");
    return write(...args);
  };
}

test("a full cache is still read and cleaned, and warns once with CACHE_FULL", async () => {
  const { store, cache, warnings, fill, files } = await cacheIn();
  await fill(1, 2);
  await cache.storeManifest(ADDRESS, manifestOf(1, 2));
  fullFor(store, 2);
  await Promise.all([fill(3), fill(4)]);
  await fill(5);
  assert.deepEqual(warnings, ["CACHE_FULL"]);
  assert.equal(await cache.entry(hash(1)).storedBytes(), 1 << 20);
  assert.deepEqual(await cache.manifest(ADDRESS), manifestOf(1, 2));
  await cache.storeManifest(ADDRESS, manifestOf(2, 3));
  assert.equal(await files(), "2", "the file of the previous manifest is deleted, and no new one is written");
  assert.deepEqual(await cache.manifest(ADDRESS), manifestOf(2, 3), "the manifest is written, because there is room now");
  assert.deepEqual(warnings, ["CACHE_FULL"]);
});

test("storeManifest writes the manifest before it deletes anything, so that a failure leaves a model that loads", async () => {
  const { store, cache, warnings, fill } = await cacheIn();
  await fill(1, 2);
  await cache.storeManifest(ADDRESS, manifestOf(1));
  store.remove = async () => {
    throw new Error("busy");
  };
  await cache.storeManifest(ADDRESS, manifestOf(2));
  assert.deepEqual(warnings, ["CACHE_FAILED"]);
  const again = await cacheIn(store);
  assert.deepEqual(await again.cache.manifest(ADDRESS), manifestOf(2));
});

describe("a cache in a folder", () => {
  let server;
  before(async () => (server = await faultServer(MODEL.files)));
  after(() => server.close());
  beforeEach(() => server.take());

  test("deletes old files that belong to no model, and no files of other programs", () =>
    withFolder(async (cacheDir) => {
      const old = new Date(Date.now() - 8 * DAY);
      const write = (digit, name) => {
        const folder = path.join(cacheDir, hash(digit));
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), "bytes");
        utimesSync(path.join(folder, name), old, old);
      };
      write(1, "0");
      write(1, ".5.123.abc"); // a piece whose program ended while it was written
      write(2, "layer.tar");
      write(3, "below/0");
      await loadsRight(server.address, { cacheDir });
      const left = readdirSync(cacheDir);
      assert.ok(!left.includes(hash(1)) && left.includes(hash(2)) && left.includes(hash(3)), left.join(" "));
      assert.equal((await Corom.cache.size({ cacheDir })).files, NAMES.length - 1 + 2);
    }));

  test("deletes a manifest whose program ended while it was written", () =>
    withFolder(async (cacheDir) => {
      await loadsRight(server.address, { cacheDir });
      const folder = path.join(cacheDir, "manifests");
      const leftover = path.join(folder, `.${hash(5)}.123.abc`);
      writeFileSync(leftover, manifestOf(1));
      const old = new Date(Date.now() - DAY);
      utimesSync(leftover, old, old);
      await loadsRight(server.address, { cacheDir });
      assert.equal(readdirSync(folder).length, 1);
    }));

  test("clear deletes no files of other programs, not even in its own folders", () =>
    withFolder(async (cacheDir) => {
      await loadsRight(server.address, { cacheDir });
      writeFileSync(path.join(cacheDir, "manifests", "deployment.yaml"), "text");
      await Corom.cache.clear({ cacheDir });
      assert.deepEqual(readdirSync(cacheDir), ["manifests"]);
      assert.deepEqual(readdirSync(path.join(cacheDir, "manifests")), ["deployment.yaml"]);
      writeFileSync(path.join(cacheDir, "file"), "");
      const where = { cacheDir: path.join(cacheDir, "file") };
      await assert.rejects(Corom.cache.size(where), { code: "UNSUPPORTED_HOST" });
    }));

  test("serves addresses that change their query from the cache, and keeps few manifests of them", () =>
    withFolder(async (cacheDir) => {
      for (let i = 0; i < 7; i++) {
        assert.deepEqual(warningsOf(await loadsRight(`${server.address}?signature=${i}`, { cacheDir })), []);
      }
      assert.equal(server.take().filter(({ name }) => name === SHARD).length, 1);
      assert.equal(readdirSync(path.join(cacheDir, "manifests")).length, 4);
      server.fault = () => ({ gone: true });
      const options = { cacheDir, retries: 0 };
      assert.deepEqual(warningsOf(await loadsRight(`${server.address}?signature=6`, options)), ["OFFLINE"]);
      await assert.rejects(Corom.load(`${server.address}?signature=7`, options), { code: "FETCH_FAILED" });
      server.fault = undefined;
    }));
});
