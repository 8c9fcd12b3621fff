// `corom/worker` with options that concern sources: the caller's fetch, mirrors, the cache folder and warnings.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Corom } from "corom/worker";
import { CoromError, failsWith } from "./support/corom.mjs";
import { withManifest } from "./support/manifest.mjs";
import { exportFolder, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const FILES = withManifest(exportFolder("legacy-op14"), { pooling: "cls", max_length: maxLength });
const folder = mkdtempSync(path.join(tmpdir(), "corom-worker-"));
after(() => rmSync(folder, { recursive: true }));

let expected;
let asked;
before(async () => {
  const corom = await Corom.load(FILES);
  expected = (await corom.embed(TEXTS)).data;
  corom.free();
});
beforeEach(() => (asked = []));

/** The caller's fetch: serves https://store.invalid/, a host that does not exist. */
async function store(url, { headers, signal }) {
  assert.ok(signal instanceof AbortSignal);
  const name = new URL(url).pathname.slice(1);
  asked.push(name);
  return FILES[name] ? new Response(FILES[name]) : new Response(null, { status: 404 });
}

test("options.fetch serves the first load and later ones", async () => {
  const corom = await Corom.load("https://store.invalid/", { fetch: store, retries: 0 });
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
  const first = asked.length;
  assert.ok(asked.includes("corom.json") && asked.includes("model.onnx"));
  await corom.unload();
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
  assert.ok(asked.length > first);
  corom.free();
});

test("Corom.load rejects with what options.fetch throws", async () => {
  const down = () => Promise.reject(new TypeError("the store is down"));
  const error = await failsWith("FETCH_FAILED", Corom.load("https://store.invalid/", { fetch: down, retries: 0 }));
  assert.match(`${error.message} ${error.cause?.message}`, /the store is down/);
  const own = () => Promise.reject(new CoromError("MISSING_FILE", "not in the store"));
  await failsWith("MISSING_FILE", Corom.load("https://store.invalid/", { fetch: own, retries: 0 }), "not in the store");
  await failsWith("INVALID_ARGUMENT", Corom.load("https://store.invalid/", { fetch: () => 5, retries: 0 }), "Response");
});

test("an abort of the load aborts the signal that options.fetch was given", async () => {
  const controller = new AbortController();
  let inner;
  const hanging = (url, { signal }) => {
    inner = signal;
    controller.abort();
    return new Promise(() => {});
  };
  const load = Corom.load("https://store.invalid/", { fetch: hanging, signal: controller.signal });
  await assert.rejects(load, { name: "AbortError" });
  assert.ok(inner.aborted);
});

test("a later load rejects with INTEGRITY_MISMATCH if the source has another model now", async () => {
  let files = FILES;
  const fetch = async (url) => {
    const file = files[new URL(url).pathname.slice(1)];
    return file ? new Response(file) : new Response(null, { status: 404 });
  };
  const corom = await Corom.load("https://store.invalid/", { fetch });
  await corom.unload();
  files = withManifest(exportFolder("legacy-op11"), { pooling: "cls", max_length: maxLength });
  await failsWith("INTEGRITY_MISMATCH", corom.embed("裤"), "another model");
  files = FILES;
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
  corom.free();
});

test("Corom.load uses mirrors and a cache folder, and reports the warning OFFLINE", async () => {
  const good = await serveWith(fromFiles(FILES));
  const bad = await serveWith((name, response) => response.writeHead(503).end());
  const phases = [];
  const options = { retries: 0, cacheDir: path.join(folder, "cache"), onProgress: ({ phase }) => phases.push(phase) };
  const corom = await Corom.load([bad.address, new URL(good.address)], options);
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
  await corom.unload();
  phases.length = 0;
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
  assert.ok(phases.includes("verify"), String(phases));
  corom.free();
  await bad.close();
  await good.close();
  const events = [];
  const offline = await Corom.load([bad.address, good.address], { ...options, onProgress: (event) => events.push(event) });
  assert.deepEqual((await offline.embed(TEXTS)).data, expected);
  const warning = events.find(({ phase }) => phase === "warning");
  assert.equal(warning.code, "OFFLINE");
  assert.ok(warning.cause === undefined || warning.cause instanceof Error);
  offline.free();
  assert.ok((await Corom.cache.size({ cacheDir: options.cacheDir })).bytes > 0);
});
