// Downloads in headless Chromium: the caches in OPFS and the Cache API, tabs that load at the same time, other origins.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { maxAbs, until } from "../support/corom.mjs";
import { browserSite } from "../support/browser-site.mjs";
import { pageFiles } from "../support/chromium.mjs";
import { faultServer } from "../support/fault-server.mjs";
import { EXACT, MODEL, NAMES, SHARD, SIZE } from "../support/loading.mjs";

const WORKER = `
import { Corom } from "./pkg/browser.js";
onmessage = async ({ data: { source, options, text } }) => {
  const phases = [];
  const corom = await Corom.load(source, { ...options, onProgress: ({ phase }) => phases.push(phase) });
  postMessage({ data: [...(await corom.embed(text))], phases: [...new Set(phases)] });
  corom.free();
};`;
const prefixed = (files) => Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`model/${name}`, bytes]));
const script = (text) => ({ bytes: Buffer.from(text), headers: { "content-type": "text/javascript" } });
const SITE = { ...pageFiles(), "worker.js": script(WORKER), ...prefixed(MODEL.files) };

/** Returns a newer version of the model, whose tokenizer.json has a space more. */
function newer() {
  const { files } = MODEL;
  const tokenizer = Buffer.concat([files["tokenizer.json"], Buffer.from(" ")]);
  const manifest = JSON.parse(Buffer.from(files["corom.json"]));
  const entry = manifest.files.find(({ path }) => path === "tokenizer.json");
  Object.assign(entry, { size: tokenizer.length, sha256: createHash("sha256").update(tokenizer).digest("hex") });
  return { ...files, "tokenizer.json": tokenizer, "corom.json": Buffer.from(JSON.stringify(manifest)) };
}

const here = browserSite(SITE);
const { open } = here;

/**
 * Loads a model in the page, embeds a text and returns the warnings and phases, or the error's code or name. `stopAt`: the
 * bytes of the shard after which the load is aborted; `tellAt`: those after which the page calls its function `tell`.
 */
async function load(page, { source = "./model/", stopAt, tellAt, entry = "./pkg/browser.js", ...options } = {}) {
  const outcome = await page.evaluate(
    async ({ source, stopAt, tellAt, entry, options, text, shard }) => {
      const { Corom } = await import(entry);
      const controller = new AbortController();
      const events = [];
      const onProgress = (event) => {
        events.push(event);
        if (event.file === shard && event.fileLoaded >= stopAt) controller.abort();
        if (event.file === shard && event.fileLoaded >= tellAt) globalThis.tell();
      };
      try {
        const corom = await Corom.load(source, { ...options, onProgress, signal: controller.signal });
        const data = [...(await corom.embed(text))];
        corom.free();
        const warnings = events.filter(({ phase }) => phase === "warning").map(({ code }) => code);
        return { data, warnings, phases: [...new Set(events.map(({ phase }) => phase))] };
      } catch (error) {
        return error.code && typeof error.code === "string" ? error.code : error.name;
      }
    },
    { source, stopAt, tellAt, entry, options: { ...EXACT, ...options }, text: MODEL.texts[1], shard: SHARD },
  );
  if (typeof outcome === "string") return outcome;
  assert.ok(maxAbs(outcome.data, MODEL.vectors[1]) <= MODEL.tolerance, "the right vector");
  return outcome;
}

const size = (page) => page.evaluate(async () => (await import("./pkg/browser.js")).Corom.cache.size());
const clear = (page) => page.evaluate(async () => (await import("./pkg/browser.js")).Corom.cache.clear());
/** Returns the requests for the model's files since the last call. */
const asked = () =>
  here.site
    .take()
    .filter(({ name }) => name.startsWith("model/"))
    .map((request) => ({ ...request, name: request.name.slice("model/".length) }));
const names = () => asked().map(({ name }) => name);
const whole = { bytes: SIZE, files: NAMES.length - 1 };
const onShard = (fault) => (request) => (request.name === `model/${SHARD}` ? fault(request) : undefined);

const withoutOpfs = () => delete FileSystemFileHandle.prototype.createWritable;
const withoutAny = () => {
  StorageManager.prototype.getDirectory = async () => {
    throw new DOMException("not here", "SecurityError");
  };
  CacheStorage.prototype.open = async () => {
    throw new DOMException("not here", "SecurityError");
  };
};

for (const [cache, prepare] of [["auto"], ["opfs"], ["cache-api"], ["auto", withoutOpfs]]) {
  const name = `cache: "${cache}"${prepare ? " without OPFS" : ""}`;
  test(`${name} holds every file after one load, for every page; size() and clear() work`, async () => {
    const page = await open(prepare);
    assert.deepEqual((await load(page, { cache })).warnings, []);
    assert.equal(names().length, NAMES.length);
    assert.deepEqual((await load(page, { cache })).phases.slice(0, 2), ["download", "verify"]);
    assert.deepEqual(names(), ["corom.json"]);
    assert.deepEqual(await size(page), whole);
    const other = await open(prepare);
    await load(other, { cache });
    assert.deepEqual(names(), ["corom.json"]);
    const kinds = await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      return [(await Array.fromAsync(root.keys())).length, (await (await caches.open("corom")).keys()).length > 0];
    });
    assert.deepEqual(kinds, cache === "cache-api" || prepare ? [0, true] : [1, false]);
    await clear(page);
    assert.deepEqual(await size(page), { bytes: 0, files: 0 });
    await load(page, { cache });
    assert.equal(names().length, NAMES.length);
  });
}

for (const cache of ["opfs", "cache-api"]) {
  describe(`cache: "${cache}"`, () => {
    test("lets another page continue where an aborted load of a closed tab stopped", async () => {
      const page = await open();
      here.site.fault = onShard(() => ({ stall: 9000 }));
      assert.equal(await load(page, { cache, stopAt: 9000 }), "AbortError");
      await page.close();
      asked();
      here.site.fault = undefined;
      await load(await open(), { cache });
      const [{ range, sent }] = asked().filter(({ name }) => name === SHARD);
      const from = Number(/^bytes=(\d+)-$/.exec(range)[1]);
      assert.ok(from === 9000 && from + sent === MODEL.files[SHARD].length, range);
    });

    test("lets two tabs download every file once, and one continue when the other is closed", async () => {
      here.site.fault = ({ name }) => (name.startsWith("model/") ? { slow: 10 } : undefined);
      const tabs = await Promise.all([open(), open()]);
      await Promise.all(tabs.map((page) => load(page, { cache })));
      const twice = names().filter((name) => name !== "corom.json");
      assert.deepEqual(twice.sort(), NAMES.filter((name) => name !== "corom.json").sort());
      await clear(tabs[0]);
      here.site.fault = onShard(({ count }) => (count === 0 ? { stall: 9000 } : undefined));
      here.site.take();
      const first = load(tabs[0], { cache }).catch(() => "closed");
      await until(() => here.site.log.some(({ name }) => name === `model/${SHARD}`));
      const second = load(tabs[1], { cache });
      await until(() => here.site.log.filter(({ name }) => name === "model/corom.json").length === 2);
      await tabs[0].close();
      assert.equal(await first, "closed");
      await second;
      assert.equal(here.site.log.filter(({ name }) => name === `model/${SHARD}`).length, 2);
    });

    test("warns with CACHE_FULL if storage is full, and the model loads", async () => {
      const page = await open();
      const devtools = await here.context.newCDPSession(page);
      await devtools.send("Storage.overrideQuotaForOrigin", {
        origin: new URL(here.site.address).origin,
        quotaSize: 12_000,
      });
      assert.deepEqual((await load(page, { cache })).warnings, ["CACHE_FULL"]);
      await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(here.site.address).origin });
      assert.deepEqual((await load(page, { cache })).warnings, []);
      await load(page, { cache });
      assert.deepEqual(await size(page), whole);
    });

    test("never stores an HTML page or a damaged file, and replaces files that are damaged later", async () => {
      const page = await open();
      here.site.fault = onShard(() => ({ page: true }));
      assert.equal(await load(page, { cache }), "NOT_A_MODEL");
      here.site.fault = onShard(() => ({ redirect: true }));
      assert.equal(await load(page, { cache }), "NOT_A_MODEL");
      here.site.fault = onShard(() => ({ damage: 77 }));
      assert.equal(await load(page, { cache }), "INTEGRITY_MISMATCH");
      here.site.fault = undefined;
      await load(page, { cache });
      asked();
      await page.evaluate(async (opfs) => {
        const damaged = new Uint8Array(99);
        if (opfs) {
          const root = await (await navigator.storage.getDirectory()).getDirectoryHandle("corom");
          for await (const [name, folder] of root.entries()) {
            if (name === "manifests") continue;
            const writable = await (await folder.getFileHandle("0")).createWritable();
            await writable.write(damaged);
            await writable.close();
          }
        } else {
          const cache = await caches.open("corom");
          for (const request of await cache.keys())
            if (!request.url.includes("manifests")) await cache.put(request, new Response(damaged));
        }
      }, cache === "opfs");
      await load(page, { cache });
      assert.ok(names().length > NAMES.length, "damaged files were downloaded");
      await load(page, { cache });
      assert.deepEqual(names(), ["corom.json"]);
    });

    test("deletes files of a load that never ended after a week", async () => {
      const page = await open();
      here.site.fault = onShard(() => ({ stall: 9000 }));
      assert.equal(await load(page, { cache, stopAt: 9000 }), "AbortError");
      here.site.fault = undefined;
      here.site.files = { ...SITE, ...prefixed(newer()) };
      await load(page, { cache });
      const { files } = await size(page);
      assert.equal(files, NAMES.length, "the files of the newer model and one of the older");
      await page.evaluate(() => {
        const { now } = Date;
        Date.now = () => now() + 8 * 24 * 60 * 60 * 1000;
      });
      await load(page, { cache });
      assert.equal((await size(page)).files, NAMES.length - 1);
      asked();
      await load(page, { cache });
      assert.deepEqual(names(), ["corom.json"]);
    });

    test("serves a page that is offline, and warns with OFFLINE", async () => {
      const page = await open();
      await load(page, { cache });
      await here.context.setOffline(true);
      const { warnings, phases } = await load(page, { cache });
      assert.deepEqual([warnings, phases.includes("download")], [["OFFLINE"], false]);
    });
  });
}

describe("Corom.load in a page", () => {
  test('stores nothing with cache: "none"', async () => {
    const page = await open();
    await load(page, { cache: "none" });
    assert.equal(names().length, NAMES.length);
    const kept = await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      return [await Array.fromAsync(root.keys()), await caches.keys()];
    });
    assert.deepEqual(kept, [[], []]);
    assert.deepEqual(await size(page), { bytes: 0, files: 0 }); // last, because it opens the cache
  });

  test('loads with cache: "auto" if no cache is available, and rejects a cache that is named', async () => {
    const page = await open(withoutAny);
    assert.deepEqual((await load(page)).warnings, []);
    for (const cache of ["opfs", "cache-api"]) assert.equal(await load(page, { cache }), "UNSUPPORTED_HOST");
    assert.equal(await load(page, { cacheDir: "/tmp" }), "INVALID_ARGUMENT");
    assert.deepEqual(await size(page), { bytes: 0, files: 0 });
  });
});

test("a tab that holds a lock and makes no progress does not stop another", async () => {
  const held = await open();
  await held.evaluate(() => {
    navigator.locks.request("corom held", () => new Promise(() => {}));
  });
  const page = await open();
  const outcome = await page.evaluate(async () => {
    const { withLock } = await import("./pkg/lib/locks.js");
    const soon = new AbortController(); // referenced here, because nothing else refers to the controller
    setTimeout(() => soon.abort(new DOMException("late", "TimeoutError")), 10);
    const lengths = [1, 5, 5]; // it waits while these grow
    const seen = async () => lengths.shift();
    const work = async () => (await navigator.locks.query()).held.map(({ name }) => name);
    const aborted = withLock("corom held", { signal: soon.signal, getProgress: seen }, work).catch(
      ({ name }) => name,
    );
    return [await aborted, await withLock("corom held", { getProgress: seen, stallTimeoutMs: 60 }, work), lengths];
  });
  assert.deepEqual(outcome, ["TimeoutError", ["corom held"], []]);
});

test("a worker of the caller's uses the same cache", async () => {
  const page = await open();
  const inWorker = () =>
    page.evaluate(
      ([options, text]) =>
        new Promise((resolve, reject) => {
          const worker = new Worker("./worker.js", { type: "module" });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message));
          worker.postMessage({ source: new URL("./model/", document.baseURI).href, options, text });
        }),
      [EXACT, MODEL.texts[1]],
    );
  const { data } = await inWorker();
  assert.ok(maxAbs(data, MODEL.vectors[1]) <= MODEL.tolerance);
  assert.equal(names().length, NAMES.length);
  assert.ok((await inWorker()).phases.includes("verify"));
  assert.deepEqual(names(), ["corom.json"]);
  await load(page);
  assert.deepEqual(names(), ["corom.json"]);
});

test("corom/worker uses the same cache, with mirrors and after an abort", async () => {
  const page = await open();
  const entry = "./pkg/worker.js";
  here.site.fault = onShard(() => ({ stall: 9000 }));
  assert.equal(await load(page, { entry, stopAt: 9000 }), "AbortError");
  here.site.fault = ({ name }) => (name.startsWith("nowhere/") ? { gone: true } : undefined);
  asked();
  assert.deepEqual((await load(page, { entry, source: ["./nowhere/", "./model/"], retries: 0 })).warnings, []);
  assert.ok(!names().includes("config.json"), "that file was stored before the abort");
  assert.deepEqual(await page.evaluate(async () => (await import("./pkg/worker.js")).Corom.cache.size()), whole);
  await load(page);
  assert.deepEqual(names(), ["corom.json"]);
});

describe("a model of another origin", () => {
  let other;
  before(async () => (other = await faultServer(MODEL.files)));
  after(() => other.close());
  const cors = { "access-control-allow-origin": "*" };
  const tags = { ...cors, "access-control-expose-headers": "etag, content-range" };

  test("rejects with FETCH_FAILED without CORS headers", async () => {
    other.fault = undefined;
    assert.equal(await load(await open(), { source: other.address, retries: 1 }), "FETCH_FAILED");
  });

  test("loads with CORS headers, continues after a cut, and is cached", async () => {
    for (const headers of [cors, tags]) {
      for (const preflight of [405, 204]) {
        const page = await open();
        let tell;
        const arrived = new Promise((resolve) => (tell = resolve));
        await page.exposeFunction("tell", tell);
        other.take();
        const allow = preflight === 204 ? { "access-control-allow-headers": "if-range, range" } : {};
        other.fault = ({ name, count }) => ({
          headers: { ...headers, ...allow },
          preflight,
          cut: name === SHARD && count === 0 ? 9000 : undefined,
          linger: () => arrived,
        });
        await load(page, { source: other.address, tellAt: 9000 });
        const gets = other.take().filter(({ name, method }) => name === SHARD && method === "GET");
        const from = Number(/\d+/.exec(gets.at(-1).range ?? "0")[0]);
        // If the server exposes ETags and its preflight forbids If-Range, the range is requested without it.
        assert.ok(from > 0, JSON.stringify([headers, gets]));
        assert.equal(gets.at(-1).ifRange !== undefined, headers === tags && preflight === 204);
        assert.equal(from + gets.at(-1).sent, MODEL.files[SHARD].length);
        await load(page, { source: other.address });
        assert.deepEqual(
          other.take().filter(({ name }) => name === SHARD),
          [],
        );
        await clear(page);
      }
    }
  });

  test("serves as a mirror of this origin, and the other way round", async () => {
    other.fault = () => ({ headers: cors });
    here.site.fault = onShard(() => ({ gone: true }));
    await load(await open(), { source: ["./model/", other.address], retries: 0 });
    here.site.fault = undefined;
    other.fault = undefined; // without CORS headers
    await load(await open(), { source: [other.address, "./model/"], retries: 0 });
  });
});
