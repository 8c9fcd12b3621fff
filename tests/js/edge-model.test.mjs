// examples/edge/src/model.js: time limits of calls and loads, and when the model is freed. The tests control the clock.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, mock, test } from "node:test";
import { pathToFileURL } from "node:url";
import { MODEL } from "./support/loading.mjs";
import { PKG, ROOT } from "./support/paths.mjs";

const SETTINGS = { modelPath: "model", quality: "float", maxWaiting: 64 };
const ASSETS = {
  async fetch(url) {
    const file = MODEL.files[new URL(url).pathname.replace("/model/", "")];
    return file ? new Response(file) : new Response(null, { status: 404 });
  },
};
const next = () => new Promise((resolve) => setImmediate(resolve));

let folder;
let withModel;
let modelInfo;
before(() => {
  // The layout of a project: the sources, and the package in node_modules.
  folder = mkdtempSync(path.join(tmpdir(), "corom-edge-"));
  cpSync(path.join(ROOT, "examples/edge/src"), path.join(folder, "src"), { recursive: true });
  cpSync(path.join(ROOT, "examples/edge/package.json"), path.join(folder, "package.json"));
  mkdirSync(path.join(folder, "node_modules"));
  symlinkSync(PKG, path.join(folder, "node_modules/corom"));
});
after(() => rmSync(folder, { recursive: true }));

let isolates = 0;
/** Imports the module anew, because it holds the model. */
beforeEach(async () => {
  const source = pathToFileURL(path.join(folder, "src/model.js"));
  ({ withModel, modelInfo } = await import(`${source}?${isolates++}`));
});

/** Calls `work(pass)` with a mocked clock; `pass(ms)` moves it. */
async function withClock(work) {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await work(async (ms) => {
      await next();
      mock.timers.tick(ms);
      await next();
    });
  } finally {
    mock.timers.reset();
  }
}

const call = (work, signal, env = { ASSETS }) => withModel({ env, settings: SETTINGS, signal }, work);
/** Returns the instance. */
const instance = () => call(async (corom) => corom);
/** A call that is never done: only its signal ends it. */
const endless = (_, signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const isUnavailable = (message) => (error) => {
  assert.match(error.message, message);
  assert.deepEqual([error.status, error.code, error.headers], [503, "unavailable", { "retry-after": "5" }]);
  return true;
};

test("withModel rejects a slow call with 503 and keeps the model, if other calls were answered", async () => {
  const corom = await instance();
  await withClock(async (pass) => {
    const slow = assert.rejects(call(endless), isUnavailable(/in time/));
    await pass(20_000);
    const later = call(endless, AbortSignal.timeout(2 ** 30));
    const laterFails = assert.rejects(later, isUnavailable(/in time/));
    assert.equal(await instance(), corom);  // this call is answered
    await pass(5_000);
    await slow;
    assert.equal((await corom.embed("裤")).length, corom.info.dimension, "the model was not freed");
    assert.equal(await instance(), corom);
    await pass(20_000);
    await laterFails;
  });
  assert.equal(await instance(), corom, "the model is kept, because other calls were answered");
});

test("withModel frees and reloads the model if no call was answered in time, and rejects the waiting ones with 503", async () => {
  const corom = await instance();
  await withClock(async (pass) => {
    const stuck = assert.rejects(call(endless), isUnavailable(/in time/));
    await pass(24_000);
    // modelInfo does not count as an answer.
    assert.equal((await modelInfo({ env: { ASSETS }, settings: SETTINGS })).dimension, corom.info.dimension);
    let go;
    const waits = new Promise((resolve) => (go = resolve));
    const freed = assert.rejects(
      call(async (corom, signal) => {
        await waits;
        return corom.embed("裤", { signal });
      }),
      isUnavailable(/unloaded/),
    );
    await pass(1_000);
    await stuck;
    go();
    await freed;
  });
  await assert.rejects(corom.embed("裤"), { code: "FREED" });
  const another = await instance();
  assert.notEqual(another, corom);
  assert.equal((await another.embed("裤")).length, corom.info.dimension);
});

test("withModel ends only the call whose client disconnects", async () => {
  const corom = await instance();
  const controller = new AbortController();
  const reason = new Error("gone");
  const left = assert.rejects(call(endless, controller.signal), reason);
  await next();
  controller.abort(reason);
  await left;
  assert.equal(await instance(), corom);
});

test("withModel aborts a load that takes too long, rejects every waiting call, and loads anew for the next", async () => {
  const asked = [];
  const silent = {
    ASSETS: {
      fetch: (_, { signal }) => {
        asked.push(signal);
        return new Promise(() => {});
      },
    },
  };
  await withClock(async (pass) => {
    const first = assert.rejects(call(endless, undefined, silent), isUnavailable(/loading/));
    await pass(10_000);
    const second = assert.rejects(call(endless, undefined, silent), isUnavailable(/loading/));
    for (let i = 0; i < 1000 && asked.length === 0; i++) await next(); // until WebAssembly has started
    await pass(15_000);
    await Promise.all([first, second]);
  });
  assert.ok(asked.length > 0 && asked.every(({ aborted }) => aborted), "the requests of the load were aborted");
  assert.equal((await instance()).info.dtype, "f32");
});
