// Caches of pages (OPFS, Cache API) that are emptied while a catalog is loaded from them and searched.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { browserSite } from "../support/browser-site.mjs";
import { buildCatalog, randomVector } from "../support/catalogs.mjs";
import { pageFiles } from "../support/chromium.mjs";

const script = readFileSync(path.join(import.meta.dirname, "../support/shared-store.mjs"));
const site = { ...pageFiles(), "shared-store.js": { bytes: script, headers: { "content-type": "text/javascript" } } };
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

    test("can be emptied while a catalog is loaded and searched", async () => {
      const page = await here.open();
      const found = await page.evaluate(
        async ({ cache, vectors }) => {
          const { Catalog } = await import("/pkg/search.js");
          const warnings = [];
          const onProgress = ({ phase, code, message }) => phase === "warning" && warnings.push(`${code} ${message}`);
          const load = async () => {
            const shop = await Catalog.load("/coded/", { vectors: "codes", cache, onProgress });
            await shop.ready;
            await shop.storeRows();
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
        { cache, vectors },
      );
      assert.deepEqual(found, { found: expected, warnings: [], isKept: true });
    });
  });
}
