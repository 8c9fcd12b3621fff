// A folder without corom.json in headless Chromium: it is kept by the server's version of each file, in OPFS and in the
// Cache API, and loads without a network. ../versions.test.mjs has every case in Node.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browserSite } from "../support/browser-site.mjs";
import { pageFiles } from "../support/chromium.mjs";
import { maxAbs } from "../support/corom.mjs";
import { EXACT, MODEL } from "../support/loading.mjs";

/** The model of support/loading.mjs as someone else's folder. */
const { "corom.json": manifest, ...files } = MODEL.files;
const NAMES = Object.keys(files);
const OPTIONS = { ...EXACT, maxLength: JSON.parse(Buffer.from(manifest)).max_length, pooling: "cls", retries: 0 };
const SITE = {
  ...pageFiles(),
  ...Object.fromEntries(NAMES.map((name) => [`model/${name}`, files[name]])),
};

const here = browserSite(SITE);
const { open } = here;

/** Loads the folder in a page and checks the vector. Returns the warnings, and the files by phase. */
async function load(page, { entry = "./pkg/browser.js", ...options }) {
  const { data, warnings, downloaded, verified } = await page.evaluate(
    async ({ entry, options, text }) => {
      const { Corom } = await import(entry);
      const events = [];
      const corom = await Corom.load("./model/", { ...options, onProgress: (event) => events.push(event) });
      const data = await corom.embed(text);
      await corom.free();
      const inPhase = (wanted) => events.filter(({ phase, file }) => phase === wanted && file).map(({ file }) => file);
      return {
        data: [...data],
        warnings: events.filter(({ phase }) => phase === "warning").map(({ code }) => code),
        downloaded: [...new Set(inPhase("download"))].sort(),
        verified: [...new Set(inPhase("verify"))].sort(),
      };
    },
    { entry, options: { ...OPTIONS, ...options }, text: MODEL.texts[1] },
  );
  assert.ok(maxAbs(data, MODEL.vectors[1]) <= MODEL.tolerance, "the right vector");
  return { warnings, downloaded, verified };
}

/** Returns whether the folder is kept, as each of the two classes says. */
const kept = (page) =>
  page.evaluate(async () => {
    const classes = [(await import("./pkg/browser.js")).Corom, (await import("./pkg/worker.js")).Corom];
    return Promise.all(classes.map(({ cache }) => cache.has("./model/")));
  });

const all = [...NAMES].sort();
const withoutNetwork = ({ name }) => (name.startsWith("model/") ? { gone: true } : undefined);

test("Corom.cache.delete deletes the folder, and tells whether there was one", async () => {
  const page = await open();
  assert.deepEqual(await kept(page), [false, false]);
  await load(page, {});
  const remove = () => page.evaluate(async () => (await import("./pkg/browser.js")).Corom.cache.delete(new URL("./model/", location)));
  assert.deepEqual([await remove(), await remove(), ...(await kept(page))], [true, false, false, false]);
});

test("a .wasm file that breaks and stalls is continued, and loads at the same time fetch and compile it once", async () => {
  const page = await open();
  here.site.fault = ({ name, count }) => (name.endsWith(".wasm") ? [{ cut: 900_000 }, { stall: 300_000 }][count] : undefined);
  const outcome = await page.evaluate(async (text) => {
    const { Corom } = await import("./pkg/browser.js");
    let compilations = 0;
    for (const name of ["compile", "compileStreaming"]) {
      const compile = WebAssembly[name];
      WebAssembly[name] = (...args) => (compilations++, compile.apply(WebAssembly, args));
    }
    const events = [];
    const onProgress = (event) => event.phase === "wasm" && events.push(event);
    const options = { pooling: "cls", stallTimeout: 1000, onProgress };
    const models = await Promise.all([1, 2].map(() => Corom.load("./model/", options)));
    const rows = await Promise.all(models.map((model) => model.embed(text)));
    const { loaded, total } = events.at(-1);
    return { lengths: rows.map(({ length }) => length), compilations, isWhole: loaded === total && total > 1e6 };
  }, MODEL.texts[1]);
  const dimension = MODEL.vectors[1].length;
  assert.deepEqual(outcome.lengths, [dimension, dimension]);
  assert.ok(outcome.isWhole);
  assert.ok(outcome.compilations <= 2, "one while it arrives, and one of the bytes after a break");
  const ranges = here.site.log.filter(({ name }) => name.endsWith(".wasm")).map(({ range }) => Number(/\d+/.exec(range ?? "0")[0]));
  assert.ok(ranges.length >= 3 && ranges.slice(1).every((from, i) => from > ranges[i]), String(ranges));
});

for (const cache of ["opfs", "cache-api"]) {
  describe(`a folder without corom.json, cache: "${cache}"`, () => {
    test("is downloaded once, and loads in another page and in a worker without a network", async () => {
      const page = await open();
      assert.deepEqual(await load(page, { cache }), { warnings: [], downloaded: all, verified: [] });
      assert.deepEqual(await load(page, { cache }), { warnings: [], downloaded: [], verified: all });
      assert.deepEqual(await kept(page), [true, true]);
      await page.close();
      here.site.fault = withoutNetwork;
      const other = await open();
      const offline = { warnings: ["OFFLINE"], downloaded: [], verified: all };
      assert.deepEqual(await load(other, { cache }), offline);
      assert.deepEqual(await load(other, { cache, entry: "./pkg/worker.js" }), offline);
    });

    test("takes a file that changed on the server, and keeps it", async () => {
      const page = await open();
      await load(page, { cache });
      const tokenizer = Buffer.concat([files["tokenizer.json"], Buffer.from(" ")]);
      here.site.files = { ...SITE, "model/tokenizer.json": tokenizer };
      const rest = all.filter((name) => name !== "tokenizer.json");
      const changed = { warnings: [], downloaded: ["tokenizer.json"], verified: rest };
      assert.deepEqual(await load(page, { cache }), changed);
      here.site.fault = withoutNetwork;
      assert.deepEqual(await load(page, { cache }), { warnings: ["OFFLINE"], downloaded: [], verified: all });
    });

    test("cannot load without a network before it was downloaded", async () => {
      const page = await open();
      here.site.fault = withoutNetwork;
      await assert.rejects(load(page, { cache }), /corom\.json/);
    });
  });
}
