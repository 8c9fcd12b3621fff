// A folder without corom.json in headless Chromium: it is kept by the server's version of each file, in OPFS and in the
// Cache API, and loads without a network. ../versions.test.mjs has every case in Node.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { launchChromium, pageFiles } from "../support/chromium.mjs";
import { maxAbs } from "../support/corom.mjs";
import { faultServer } from "../support/fault-server.mjs";
import { EXACT, MODEL } from "../support/loading.mjs";

/** The model of support/loading.mjs as someone else's folder. */
const { "corom.json": manifest, ...files } = MODEL.files;
const NAMES = Object.keys(files);
const OPTIONS = { ...EXACT, maxLength: JSON.parse(Buffer.from(manifest)).max_length, pooling: "cls", retries: 0 };
const SITE = {
  ...pageFiles(),
  ...Object.fromEntries(NAMES.map((name) => [`model/${name}`, files[name]])),
};

let browser;
let site;
let context;
before(async () => ([browser, site] = await Promise.all([launchChromium(), faultServer(SITE)])));
after(async () => {
  await browser?.close();
  await site?.close();
});
beforeEach(async () => (context = await browser.newContext()));
afterEach(async () => {
  await context.close();
  Object.assign(site, { files: SITE, fault: undefined });
  site.take();
});

async function open() {
  const page = await context.newPage();
  await page.goto(`${site.address}page.html`);
  return page;
}

/** Loads the folder in a page and checks the vector. Returns the warnings, and the files by phase. */
async function load(page, { entry = "./pkg/browser.js", ...options }) {
  const { data, warnings, downloaded, verified } = await page.evaluate(
    async ({ entry, options, text }) => {
      const { Corom } = await import(entry);
      const events = [];
      const corom = await Corom.load("./model/", { ...options, onProgress: (event) => events.push(event) });
      const { data } = await corom.embed(text);
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

const all = [...NAMES].sort();
const withoutNetwork = ({ name }) => (name.startsWith("model/") ? { gone: true } : undefined);

for (const cache of ["opfs", "cache-api"]) {
  describe(`a folder without corom.json, cache: "${cache}"`, () => {
    test("is downloaded once, and loads in another page and in a worker without a network", async () => {
      const page = await open();
      assert.deepEqual(await load(page, { cache }), { warnings: [], downloaded: all, verified: [] });
      assert.deepEqual(await load(page, { cache }), { warnings: [], downloaded: [], verified: all });
      await page.close();
      site.fault = withoutNetwork;
      const other = await open();
      const offline = { warnings: ["OFFLINE"], downloaded: [], verified: all };
      assert.deepEqual(await load(other, { cache }), offline);
      assert.deepEqual(await load(other, { cache, entry: "./pkg/worker.js" }), offline);
    });

    test("takes a file that changed on the server, and keeps it", async () => {
      const page = await open();
      await load(page, { cache });
      const tokenizer = Buffer.concat([files["tokenizer.json"], Buffer.from(" ")]);
      site.files = { ...SITE, "model/tokenizer.json": tokenizer };
      const rest = all.filter((name) => name !== "tokenizer.json");
      const changed = { warnings: [], downloaded: ["tokenizer.json"], verified: rest };
      assert.deepEqual(await load(page, { cache }), changed);
      site.fault = withoutNetwork;
      assert.deepEqual(await load(page, { cache }), { warnings: ["OFFLINE"], downloaded: [], verified: all });
    });

    test("cannot load without a network before it was downloaded", async () => {
      const page = await open();
      site.fault = withoutNetwork;
      await assert.rejects(load(page, { cache }), /corom\.json/);
    });
  });
}
