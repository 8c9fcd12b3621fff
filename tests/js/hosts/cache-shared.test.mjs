// Caches of pages (OPFS, Cache API) that are emptied while a catalog is loaded from them and searched.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { browserSite } from "../support/browser-site.mjs";
import { buildCatalog, randomVector } from "../support/catalogs.mjs";
import { chromiumOnDisk, pageFiles } from "../support/chromium.mjs";
import { scratch } from "../support/converter.mjs";

const script = (name) => ({
  bytes: readFileSync(path.join(import.meta.dirname, `../support/${name}.mjs`)),
  headers: { "content-type": "text/javascript" },
});
const site = { ...pageFiles(), "shared-store.js": script("shared-store"), "opfs-worker.js": script("opfs-worker") };
const here = browserSite(site);
const ends = [];
const vectors = Array.from({ length: 6 }, () => Array.from(randomVector()));
let expected;
before(async () => {
  const coded = buildCatalog({ after: (end) => ends.push(end) }, { times: 14, codes: "yes" });
  for (const [name, bytes] of Object.entries(coded.files())) site[`coded/${name}`] = { bytes };
  const whole = await Catalog.load(coded.catalog);
  expected = await Promise.all(vectors.map(async (vector) => idsOf(await whole.search(Float32Array.from(vector)))));
  whole.free();
});
after(() => ends.forEach((end) => end()));
const idsOf = ({ hits }) => hits.map(({ id }) => id);

for (const [cache, file, open] of [
  ["opfs", "store-opfs.js", "opfsStore"],
  ["cache-api", "store-cache-api.js", "cacheApiStore"],
]) {
  describe(`a page's cache: "${cache}"`, () => {
    test("is read and written while others empty it", async () => {
      const page = await here.open();
      const errors = await page.evaluate(
        async ([file, open]) => {
          const [stores, { shareStore }] = await Promise.all([import(`/pkg/lib/${file}`), import("/shared-store.js")]);
          return shareStore(await stores[open](), { writes: 60 });
        },
        [file, open],
      );
      assert.deepEqual(errors, []);
    });

    for (const entry of ["search", "search-worker"])
      test(`can be emptied while a catalog is loaded and searched by corom/${entry}`, () => emptied(cache, entry));
  });
}

/** Works on the store in workers: `does` is a function of support/opfs-worker.mjs, each of `workers` gets an argument. */
const inWorkers = (page, does, workers) =>
  page.evaluate(
    ([does, workers]) =>
      Promise.all(
        workers.map(
          (argument) =>
            new Promise((resolve, reject) => {
              const worker = new Worker("/opfs-worker.js", { type: "module" });
              worker.onmessage = ({ data }) => resolve(data);
              worker.onerror = ({ message }) => reject(new Error(message));
              worker.postMessage([does, argument]);
            }),
        ),
      ),
    [does, workers],
  );

test("a worker that has files of OPFS open gives way to a page that writes and removes them", async (t) => {
  // In a context without a profile on disk, a file that is being written can be read as zeros by its open handle.
  const context = await chromiumOnDisk(scratch(t));
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${here.site.address}page.html`);
  const reading = inWorkers(page, "readFor", [4000, 4000]);
  reading.catch(() => {}); // reported below, unless the page fails before
  const errors = await page.evaluate(async () => {
    const [{ opfsStore }, { shareStore }] = await Promise.all([import("/pkg/lib/store-opfs.js"), import("/shared-store.js")]);
    return shareStore(await opfsStore(), { writes: 60 });
  });
  assert.deepEqual(errors, []);
  for (const { there, wrong } of await reading) {
    assert.deepEqual(wrong, []);
    assert.ok(there > 100, `${there} parts were there`);
  }
});

test("a worker reads parts of files of OPFS without opening them again", async () => {
  const [{ parts, opened }] = await inWorkers(await here.open(), "readOften", [200]);
  assert.deepEqual(parts, Array(200).fill("5,6,7"));
  assert.equal(opened, 1);
});

test("a worker reads a file in another way when its open handle fails, and closes the handle", async () => {
  const [{ parts, createSyncAccessHandle, close }] = await inWorkers(await here.open(), "readDespite", [2]);
  assert.deepEqual(parts, Array(4).fill("5,6,7"));
  assert.deepEqual([createSyncAccessHandle, close], [3, 2]);
});

/** Loads catalogs and searches them while the cache is emptied. */
async function emptied(cache, entry) {
  const page = await here.open();
  const found = await page.evaluate(
    async ({ cache, entry, vectors }) => {
      const { Catalog } = await import(`/pkg/${entry}.js`);
      const warnings = [];
      const onProgress = ({ phase, code, message }) => phase === "warning" && warnings.push(`${code} ${message}`);
      const load = async () => {
        const shop = await Catalog.load("/coded/", { vectors: "codes", cache, onProgress });
        await shop.ready;
        await shop.storeRows().catch((error) => {
          if (error.code !== "FETCH_FAILED") throw error; // it was emptied twice
        });
        return shop;
      };
      let isDone = false;
      const clearing = (async () => {
        while (!isDone) {
          await Catalog.cache.clear();
          await new Promise((resolve) => setTimeout(resolve, 20)); // a write is tried again for half a second
        }
      })();
      const found = [];
      for (let i = 0; i < vectors.length; i += 2) {
        const shop = await load();
        const pair = vectors.slice(i, i + 2).map((vector) => shop.search(Float32Array.from(vector)));
        for (const { hits, estimated } of await Promise.all(pair)) found.push(estimated ? "estimated" : hits.map(({ id }) => id));
        shop.free();
      }
      isDone = true;
      await clearing;
      const last = await load();
      last.free();
      return { found, warnings, isKept: await Catalog.cache.has("/coded/") };
    },
    { cache, entry, vectors },
  );
  assert.deepEqual(found, { found: expected, warnings: [], isKept: true });
}
