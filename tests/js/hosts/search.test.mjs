// `corom/search` and `corom/search-worker` in headless Chromium: the results of Node, catalogs in OPFS and the Cache API,
// tabs that are closed during an update.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { browserSite } from "../support/browser-site.mjs";
import { buildCatalog, randomVector } from "../support/catalogs.mjs";
import { pageFiles } from "../support/chromium.mjs";
import { tagOf } from "../support/fault-server.mjs";

const ends = [];
const VECTOR = Array.from(randomVector());
/** A worker of the page's own. */
const WORKER = `import { Catalog } from "./pkg/search.js";
onmessage = async ({ data: { source, options, query } }) => {
  const shop = await Catalog.load(source, options);
  const { hits } = await shop.search(query);
  postMessage({ hits: hits.map(({ id }) => id), isKept: await Catalog.cache.has(source) });
  shop.free();
};`;
const site = { ...pageFiles(), "worker.js": { bytes: Buffer.from(WORKER), headers: { "content-type": "text/javascript" } } };
let built;
let expected;

const CALLS = [
  ["search", ["女 鞋", { explain: true, facets: ["shop", { attribute: "price", ranges: [0, 100] }], topK: 20 }]],
  ["search", ["耐克", { vector: VECTOR, filter: { price: { gte: 50 } }, boost: { stock: 0.2 } }]],
  ["search", ["", { sort: ["price:desc"], distinct: "shop" }]],
  ["search", ["xie", { matching: "any" }]],
  ["similar", ["p3", { topK: 5 }]],
  ["suggest", ["女", { limit: 5 }]],
  ["item", ["p1"]],
];

const prefixed = (files) => Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`shop/${name}`, { bytes }]));
const publish = () => {
  for (const name of Object.keys(site)) if (name.startsWith("shop/")) delete site[name];
  Object.assign(site, prefixed(built.files()));
};
const here = browserSite(site);
let coded; // a catalog with codes
before(async () => {
  built = buildCatalog({ after: (end) => ends.push(end) }, { times: 6 });
  publish();
  coded = buildCatalog({ after: (end) => ends.push(end) }, { times: 14, codes: "yes" });
  for (const [name, bytes] of Object.entries(coded.files())) site[`coded/${name}`] = { bytes };
  const shop = await Catalog.load(built.catalog);
  expected = await answersOf(shop, CALLS);
  shop.free();
});
after(() => ends.forEach((end) => end()));

async function answersOf(shop, calls) {
  const answers = await Promise.all(calls.map(([name, args]) => shop[name](...args)));
  return answers.map((answer) => (Array.isArray(answer) ? answer : (({ timing, ...rest }) => rest)(answer)));
}

/** Loads the catalog in a page. Returns the answers to `calls`, the warnings, phases and `info`; or the error's code. */
const load = (page, { entry = "search.js", calls = [], options = {}, update = false } = {}) =>
  page.evaluate(
    async ({ entry, calls, options, update }) => {
      const { Catalog } = await import(`/pkg/${entry}`);
      const withoutTiming = (answer) => (Array.isArray(answer) ? answer : (({ timing, ...rest }) => rest)(answer));
      const events = [];
      try {
        const shop = new Proxy(await Catalog.load("/shop/", { ...options, onProgress: (event) => events.push(event) }), {});
        await shop.ready;
        if (update) await shop.update();
        const all = await Promise.all(calls.map(([name, args]) => shop[name](...args)));
        const answers = all.map((answer) => withoutTiming(answer));
        const info = structuredClone({ ...shop.info });
        const isKept = await Catalog.cache.has("/shop/");
        shop.free();
        const warnings = events.filter(({ phase }) => phase === "warning").map(({ code }) => code);
        return { answers, info, isKept, warnings, phases: [...new Set(events.map(({ phase }) => phase))] };
      } catch (error) {
        return `${error.code ?? error.name}: ${error.message}`;
      }
    },
    { entry, calls, options, update },
  );

const asked = () => here.site.take().map(({ name }) => name).filter((name) => name.startsWith("shop/")).map((name) => name.slice(5));

/** Rounds what logarithms of another engine may change in the last bit. */
const rounded = (value) => JSON.parse(JSON.stringify(value, (_, item) => (typeof item === "number" ? Number(item.toPrecision(5)) : item)));

test("damaged rows in the browser's HTTP cache are requested past it", async () => {
  const page = await here.open();
  await page.evaluate(async () => {
    const { Catalog } = await import("/pkg/search.js");
    self.shop = await Catalog.load("/coded/", { vectors: "codes", cache: "none" });
    await shop.ready;
  });
  const name = coded.names()[0];
  const bytes = coded.files()[name];
  const damaged = bytes.map((byte, i) => (i > bytes.length / 2 ? byte ^ 1 : byte));
  const seen = new Set();
  here.site.take();
  // The browser keeps the first answer to each range.
  const fault = { other: damaged, tag: tagOf(bytes), headers: { "cache-control": "max-age=3600" } };
  here.site.fault = ({ range }) => (seen.has(range) ? undefined : (seen.add(range), fault));
  const found = await page.evaluate(async (vector) => {
    const { hits, estimated } = await self.shop.search(Float32Array.from(vector), { topK: 40 });
    return { ids: hits.map(({ id }) => id), estimated };
  }, VECTOR);
  const whole = await Catalog.load(coded.catalog);
  const { hits } = await whole.search(VECTOR, { topK: 40 });
  whole.free();
  assert.deepEqual(found, { ids: hits.map(({ id }) => id), estimated: undefined });
  const ranges = here.site.take().map(({ range }) => range);
  assert.ok(seen.size > 0 && ranges.length > seen.size, "the server was asked again");
});

for (const entry of ["search.js", "search-worker.js"]) {
  for (const cache of ["opfs", "cache-api"]) {
    describe(`${entry} in Chromium with cache: "${cache}"`, () => {
      test("gives the results of Node; later loads request the list and what is new", async () => {
        const page = await here.open();
        const first = await load(page, { entry, calls: CALLS, options: { cache, vectors: "later" } });
        assert.deepEqual(rounded(first.answers), rounded(expected), JSON.stringify(first));
        assert.deepEqual([first.warnings, first.isKept], [[], true]);
        // The files are requested at the same time.
        assert.deepEqual(asked().sort(), ["catalog.json", ...built.names()].sort());
        const again = await load(page, { entry, options: { cache } });
        assert.ok(again.phases.includes("verify") && again.phases.includes("done"));
        assert.deepEqual(asked(), ["catalog.json"]);
        const own = built.names().length;
        built.patch({ p1: { price: 1000 + own } });
        publish();
        const { answers } = await load(page, { entry, calls: [["item", ["p1"]]], options: { cache } });
        assert.equal(answers[0].attributes.price, 1000 + own);
        assert.deepEqual(asked(), ["catalog.json", built.names().at(-1)]);
        built.patch({ p1: { price: expected.at(-1).attributes.price ?? null } });
        publish();
        const updated = await load(page, { entry, calls: CALLS, options: { cache }, update: true });
        assert.deepEqual(rounded(updated.answers), rounded(expected));
      });

      test("rows are read by ranges, then from the device", async () => {
        const page = await here.open();
        const found = await page.evaluate(
          async ({ entry, cache, vector }) => {
            const { Catalog } = await import(`/pkg/${entry}`);
            const shop = await Catalog.load("/coded/", { vectors: "codes", cache });
            await shop.ready;
            const scores = async () => (await shop.search(Float32Array.from(vector))).hits.map(({ id, scores }) => [id, scores.semantic]);
            const early = await shop.search(Float32Array.from(vector), { readRows: false });
            const byRange = await scores();
            await shop.storeRows();
            shop.free();
            return { byRange, estimated: early.estimated, isKept: await Catalog.cache.has("/coded/") };
          },
          { entry, cache, vector: VECTOR },
        );
        const ranges = here.site.take().filter(({ name }) => name.endsWith(".catalog"));
        assert.ok(ranges.length >= 2 && ranges.every(({ range }) => range !== undefined));
        assert.deepEqual([found.estimated, found.isKept], [true, true]);
        here.site.fault = ({ name }) => (name.startsWith("coded/") ? { gone: true } : undefined);
        const offline = await page.evaluate(
          async ({ entry, cache, vector }) => {
            const { Catalog } = await import(`/pkg/${entry}`);
            const shop = await Catalog.load("/coded/", { vectors: "codes", cache, retries: 0 });
            await shop.ready;
            const { hits, estimated } = await shop.search(Float32Array.from(vector));
            shop.free();
            return { scores: hits.map(({ id, scores }) => [id, scores.semantic]), isEstimated: estimated === true };
          },
          { entry, cache, vector: VECTOR },
        );
        const whole = await Catalog.load(coded.catalog);
        const { hits } = await whole.search(VECTOR);
        whole.free();
        const wanted = hits.map(({ id, scores }) => [id, scores.semantic]);
        assert.deepEqual([found.byRange, offline.scores, offline.isEstimated], [wanted, wanted, false]);
      });
    });
  }
}

test("a full storage ends storeRows alone: the worker and its catalog stay", async () => {
  const page = await here.open();
  const devtools = await here.context.newCDPSession(page);
  const origin = new URL(here.site.address).origin;
  await page.evaluate(async () => {
    const { Catalog } = await import("/pkg/search-worker.js");
    globalThis.shop = await Catalog.load("/coded/", { vectors: "codes", cache: "opfs" });
    await shop.ready;
  });
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 10_000 });
  here.site.take();
  const store = () => page.evaluate(() => shop.storeRows().then(() => "stored", ({ code }) => code));
  try {
    assert.equal(await store(), "OUT_OF_MEMORY");
    assert.equal(await page.evaluate(async () => (await shop.search("女")).hits.length), 10);
    // A worker that starts again would ask for the list.
    assert.ok(here.site.take().every(({ name }) => !name.endsWith("catalog.json")));
  } finally {
    await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  }
  assert.equal(await store(), "stored");
  await page.evaluate(() => shop.free());
});

test("a worker of the page's own loads a catalog and keeps it", async () => {
  const page = await here.open();
  const [query] = CALLS[0][1];
  const answer = await page.evaluate(
    (message) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("./worker.js", { type: "module" });
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(message);
      }),
    { source: `${here.site.address}shop/`, options: { cache: "opfs" }, query },
  );
  assert.deepEqual(answer, { hits: expected[0].hits.slice(0, 10).map(({ id }) => id), isKept: true });
});

test("a tab that is closed during an update loses nothing, and the download continues in the next one", async () => {
  const page = await here.open();
  const { info } = await load(page);
  built.patch({ p3: { price: 3 } });
  built.compact();
  publish();
  const [name] = built.names();
  const size = built.files()[name].length;
  // The connection breaks once, so that what arrived is in the cache, and then the tab is closed.
  let stopped;
  const isStopped = new Promise((resolve) => (stopped = resolve));
  here.site.fault = ({ name: asked, count }) => {
    if (asked !== `shop/${name}` || count > 1) return undefined;
    return count === 0 ? { cut: size >> 1 } : (setTimeout(stopped, 100), { stall: 1000 });
  };
  const loading = load(page).catch(() => {});
  await isStopped;
  await page.close();
  await loading;

  const offline = await here.open();
  here.site.fault = ({ name: asked }) => (asked.startsWith("shop/") ? { gone: true } : undefined);
  const old = await load(offline, { calls: [["item", ["p3"]]], options: { retries: 0 } });
  assert.deepEqual([old.info.version, old.warnings], [info.version, ["OFFLINE"]], JSON.stringify(old));
  here.site.fault = undefined;
  here.site.take();
  const { answers } = await load(offline, { calls: [["item", ["p3"]]] });
  assert.equal(answers[0].attributes.price, 3);
  const requests = here.site.take().filter((request) => request.name === `shop/${name}`);
  assert.match(requests[0].range, /^bytes=[1-9]/);
});
