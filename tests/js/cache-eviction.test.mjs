// What a cache drops, and when: versions that were replaced, loads that never ended, addresses that change each time;
// also where it is full.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
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

/** A cache in memory that lists its warnings, and helpers to fill it and to see what it has. */
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

describe("when a model has loaded, there goes", () => {
  test("what only its forerunner had", async () => {
    const { cache, fill, files } = await cacheIn();
    await fill(1, 2, 3);
    await cache.keepManifest(ADDRESS, manifestOf(1, 2));
    await cache.keepManifest("https://b.example/", manifestOf(3));
    await cache.keepManifest(ADDRESS, manifestOf(2));
    assert.equal(await files(), "23");
  });

  test("what no manifest names and nothing was added to for a week, also with the same manifest", async () => {
    const { store, cache, fill, files } = await cacheIn();
    await fill(1, 2, 3, 4);
    store.age(hash(2), Date.now() - 8 * DAY);
    store.age(hash(3), Date.now() - 6 * DAY); // some load may go on with it
    await cache.keepManifest(ADDRESS, manifestOf(1));
    assert.equal(await files(), "134");
    store.age(hash(1), Date.now() - 99 * DAY);
    store.age(hash(3), Date.now() - 8 * DAY);
    await cache.keepManifest(ADDRESS, manifestOf(1));
    assert.equal(await files(), "14");
  });

  test("in a full cache, what nothing was added to for an hour", async () => {
    const { store, cache, fill, files } = await cacheIn();
    await fill(1, 2, 3);
    store.age(hash(2), Date.now() - DAY / 12);
    store.age(hash(3), Date.now() - DAY / 48);
    fullFor(store, 1);
    await fill(1);
    await cache.keepManifest(ADDRESS, manifestOf(1));
    assert.equal(await files(), "13");
  });

  test("of the manifests of an address with other queries all but the latest, and their files", async () => {
    const { store, cache, fill, files, manifests } = await cacheIn();
    await fill(1, 2, 3, 4, 5, 6, 7);
    await cache.keepManifest(ADDRESS, manifestOf(7));
    for (const digit of [1, 2, 3, 4, 5, 6]) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await cache.keepManifest(`${ADDRESS}?signature=${digit}`, manifestOf(digit));
      if (digit > 1) await cache.keepManifest(`${ADDRESS}?signature=1`, manifestOf(1)); // in use again and again
    }
    assert.equal(await manifests(), 5);
    assert.equal(await files(), "14567");
    // Another query may be another model, so that none stands in for it.
    assert.equal(await cache.manifest(`${ADDRESS}?signature=9`), undefined);
    assert.deepEqual(await cache.manifest(`${ADDRESS}?signature=1`), manifestOf(1));
    assert.deepEqual(await cache.manifest(ADDRESS), manifestOf(7));
    assert.equal(await store.read("manifests", "none"), undefined);
  });
});

/** The next writes fail as where there is no room. */
function fullFor(store, count) {
  const { write } = store;
  store.write = async (...args) => {
    if (count-- > 0) throw new DOMException("no room", "QuotaExceededError");
    return write(...args);
  };
}

test("one that is full is still read and emptied, and says so once", async () => {
  const { store, cache, warnings, fill, files } = await cacheIn();
  await fill(1, 2);
  await cache.keepManifest(ADDRESS, manifestOf(1, 2));
  fullFor(store, 2);
  await Promise.all([fill(3), fill(4)]);
  await fill(5);
  assert.deepEqual(warnings, ["CACHE_FULL"]);
  assert.equal(await cache.entry(hash(1)).measure(), 1 << 20);
  assert.deepEqual(await cache.manifest(ADDRESS), manifestOf(1, 2));
  await cache.keepManifest(ADDRESS, manifestOf(2, 3));
  assert.equal(await files(), "2", "the forerunner's file went, and none came");
  assert.deepEqual(await cache.manifest(ADDRESS), manifestOf(2, 3), "for which there is room now");
  assert.deepEqual(warnings, ["CACHE_FULL"]);
});

test("a manifest is kept before anything goes: what fails then leaves a model that loads", async () => {
  const { store, cache, warnings, fill } = await cacheIn();
  await fill(1, 2);
  await cache.keepManifest(ADDRESS, manifestOf(1));
  store.remove = async () => {
    throw new Error("busy");
  };
  await cache.keepManifest(ADDRESS, manifestOf(2));
  assert.deepEqual(warnings, ["CACHE_FAILED"]);
  const again = await cacheIn(store);
  assert.deepEqual(await again.cache.manifest(ADDRESS), manifestOf(2));
});

describe("in a folder on disk", () => {
  let server;
  before(async () => (server = await faultServer(MODEL.files)));
  after(() => server.close());
  beforeEach(() => server.take());

  test("goes what is old and no model's; what is not ours stays", () =>
    withFolder(async (cacheDir) => {
      const old = new Date(Date.now() - 8 * DAY);
      const write = (digit, name) => {
        const folder = path.join(cacheDir, hash(digit));
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), "bytes");
        utimesSync(path.join(folder, name), old, old);
      };
      write(1, "0");
      write(1, ".5.123.abc"); // a piece that was being written when its program ended
      write(2, "layer.tar");
      write(3, "below/0");
      await loadsRight(server.address, { cacheDir });
      const left = readdirSync(cacheDir);
      assert.ok(!left.includes(hash(1)) && left.includes(hash(2)) && left.includes(hash(3)), left.join(" "));
      assert.equal((await Corom.cache.size({ cacheDir })).files, NAMES.length - 1 + 2);
    }));

  test("goes a manifest that was being written when its program ended; its files do not stay for it", () =>
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

  test("clear leaves what is not ours, also in a folder of a name that we use", () =>
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

  test("signed addresses load from what is kept, and leave few manifests", () =>
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
      assert.ok(existsSync(cacheDir));
      server.fault = undefined;
    }));
});
