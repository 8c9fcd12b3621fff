// `corom/worker` with several workers in Node: the same bits as one worker, one transfer of the files for all, and what
// happens when workers are busy, fail or end.
import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Corom } from "corom/worker";
import { Corom as Here, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, withFolder } from "./support/loading.mjs";
import { MODEL_FILES, PKG, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { sharedState } from "./support/unruly-state.mjs";

const FOLDER = exportFolder("legacy-op14");
const { max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const WORKERS = 3;
/** Texts of mixed lengths; some are longer than the model reads, some are empty. */
const TEXTS = Array.from({ length: 400 }, (_, i) => `${"阔腿裤女冬牛仔".repeat((i * i) % 7)}${i % 5 ? i : ""}`);
const QUERY = "阔腿牛仔裤";
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bitsOf = ({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** The workers of unruly-thread.mjs that a test started, and the state that each shares with this thread. */
let workers = [];
let states = [];
const worker = () => {
  states.push(sharedState());
  workers.push(new Worker(new URL("./support/unruly-thread.mjs", import.meta.url), { workerData: states.at(-1).buffer }));
  return workers.at(-1);
};
async function ended(one) {
  while (one.threadId !== -1) await later(5);
}

let here;
let expected;
before(async () => {
  here = await Here.load(FOLDER, OPTIONS);
  expected = bitsOf(await here.embed(TEXTS));
});
after(() => here.free());

describe("several workers", () => {
  for (const [options, count] of [
    [{}, TEXTS.length],
    [{ quality: "exact" }, 150],
    [{ quality: "float" }, 150],
    [{ advanced: { fused: false } }, 40],
  ]) {
    test(`give the results of the class on this thread, bit by bit, with ${JSON.stringify(options)}`, async () => {
      const one = await Here.load(FOLDER, { ...OPTIONS, ...options });
      const pool = await Corom.load(FOLDER, { ...OPTIONS, ...options, workers: WORKERS });
      const texts = TEXTS.slice(0, count);
      const vectors = await one.embed(texts);
      for (const call of [
        (corom) => corom.embed(texts),
        (corom) => corom.embed(texts.slice(0, 20)),
        (corom) => corom.embed(QUERY),
        (corom) => corom.embed([]),
        (corom) => corom.score(QUERY, texts, { metric: "l2" }),
        (corom) => corom.score(vectors.row(3), texts),
        (corom) => corom.score(QUERY, vectors),
        (corom) => corom.score(QUERY, []),
        (corom) => corom.rank(QUERY, texts, { topK: 9, metric: "cosine" }),
        (corom) => corom.tokenize("😀阔腿裤 iPhone\ud800"),
        async (corom) => {
          const batches = [];
          for await (const batch of corom.embed(new Set(texts), { batchSize: 100 })) batches.push(batch);
          return batches;
        },
      ])
        assert.deepEqual(await call(pool), await call(one), String(call));
      pool.free();
      one.free();
    });
  }

  test("each hold the model, and `info` says how much memory they take", async () => {
    const pool = await Corom.load(FOLDER, { ...OPTIONS, workers: WORKERS });
    const { workers, wasmMemory, workerMemory, ...facts } = pool.info;
    const { wasmMemory: memory, ...expectedFacts } = here.info;
    assert.deepEqual(facts, expectedFacts);
    assert.equal(workers, WORKERS);
    // The pieces in which the files arrive move the peak by some pages of 64 KiB.
    assert.ok(workerMemory > 1 << 20 && workerMemory <= 1.25 * memory, `${workerMemory}; this thread has ${memory}`);
    assert.ok(wasmMemory > (WORKERS - 0.5) * workerMemory && wasmMemory <= WORKERS * workerMemory, `${wasmMemory}`);
    pool.free();
    assert.deepEqual([pool.info.wasmMemory, pool.info.workerMemory, pool.info.workers], [0, 0, WORKERS]);
    const single = await Corom.load(FOLDER, OPTIONS);
    assert.deepEqual([single.info.workers, single.info.workerMemory], [1, single.info.wasmMemory]);
    single.free();
  });

  test("must be from 1 to 32", async () => {
    for (const workers of [0, -1, 1.5, 33, "2", "auto", NaN, true, [2]])
      await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { workers }), "workers: got", "a whole number from 1 to 32");
    for (const workers of [undefined, null]) {
      const single = await Corom.load(FOLDER, { ...OPTIONS, workers });
      assert.equal(single.info.workers, 1);
      single.free();
    }
    await failsWith("INVALID_ARGUMENT", Here.load(FOLDER, { workers: 2 }), "workers");
  });

  test("must be different workers", async () => {
    const same = worker();
    const loading = Corom.load(FOLDER, { ...OPTIONS, workers: 2, worker: () => same });
    await failsWith("INVALID_ARGUMENT", loading, "worker(): returned the same worker again");
    await ended(same);
    await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { ...OPTIONS, worker: () => same }), "the same worker");
  });

  test("report the progress of one load, `done` last, and of a call", async () => {
    const events = [];
    const pool = await Corom.load(FOLDER, { ...OPTIONS, workers: WORKERS, onProgress: (event) => events.push(event) });
    assert.deepEqual(events.filter(({ phase }) => phase === "done"), [events.at(-1)]); // prettier-ignore
    const files = events.filter(({ phase, fileLoaded, fileTotal }) => phase === "download" && fileLoaded === fileTotal);
    assert.equal(files.length, new Set(files.map(({ file }) => file)).size, "each file is reported once");
    const counts = [];
    await pool.embed(TEXTS, { onProgress: ({ done, total }) => counts.push([done, total]) });
    assert.deepEqual(counts.at(-1), [TEXTS.length, TEXTS.length]);
    assert.ok(counts.every(([done], i) => i === 0 || done > counts[i - 1][0]), String(counts));
    pool.free();
  });
});

describe("the files of a source", () => {
  const plain = filesOf(exportFolder("classic-op17"), MODEL_FILES);
  const onnx = { "config.json": plain["config.json"], "tokenizer.json": plain["tokenizer.json"], "onnx/model_fp16.onnx": plain["model.onnx"], "onnx/model.onnx": plain["model.onnx"] }; // prettier-ignore
  for (const [name, files, at, options] of [
    ["with a manifest", MODEL.files, "", {}],
    ["without a manifest", plain, "", { pooling: "cls" }],
    ["of which the URL names one", onnx, "onnx/model_fp16.onnx", { pooling: "cls" }],
  ]) {
    for (const cache of [false, true]) {
      test(`${name} are requested once for all workers, ${cache ? "with" : "without"} a cache`, () =>
        withFolder(async (cacheDir) => {
          const server = await faultServer(files);
          const requests = () => server.take().map(({ name, method }) => `${method} ${name}`).sort(); // prettier-ignore
          const dir = (name) => (cache ? { cacheDir: `${cacheDir}/${name}` } : {});
          const one = await Here.load(server.address + at, { ...options, ...dir("one") });
          const expected = requests();
          if (!cache) assert.equal(expected.length, new Set(expected).size, "each file is requested once");
          const pool = await Corom.load(server.address + at, { ...options, ...dir("pool"), workers: WORKERS });
          assert.deepEqual(requests(), expected);
          const { wasmMemory, workerMemory } = pool.info;
          assert.ok(wasmMemory > (WORKERS - 0.5) * workerMemory, "all workers have the model");
          assert.deepEqual(await pool.embed(TEXTS), await one.embed(TEXTS));
          pool.free();
          one.free();
          await server.close();
        }));
    }
  }

  test("are fetched once by the caller's fetch, and so is the binary", async () => {
    const binary = await faultServer(filesOf(path.join(PKG, "wasm"), ["corom.wasm"]));
    const asked = [];
    const fetch = async (url) => {
      const name = new URL(url).pathname.slice(1);
      asked.push(name);
      return new Response(MODEL.files[name] ?? null, { status: MODEL.files[name] ? 200 : 404 });
    };
    const wasm = `${binary.address}corom.wasm`;
    const pool = await Corom.load("https://model.invalid/", { fetch, wasm, workers: WORKERS });
    assert.deepEqual(asked.sort(), Object.keys(MODEL.files).sort()); // prettier-ignore
    assert.equal(binary.take().length, 1);
    assert.equal(pool.info.simd, "custom");
    pool.free();
    await binary.close();
  });

  test("may be in memory", async () => {
    const pool = await Corom.load(MODEL.files, { workers: WORKERS });
    const blobs = Object.fromEntries(Object.entries(MODEL.files).map(([name, bytes]) => [name, new Blob([bytes])]));
    const other = await Corom.load(blobs, { workers: WORKERS });
    assert.deepEqual(await pool.embed(TEXTS), await other.embed(TEXTS));
    pool.free();
    other.free();
  });

  test("are requested once if all workers load again at the same time", async () => {
    const server = await faultServer(MODEL.files);
    const pool = await Corom.load(server.address, { workers: WORKERS });
    const before = await pool.embed(TEXTS);
    await pool.unload();
    assert.equal(pool.info.wasmMemory, 0);
    server.take();
    assert.deepEqual(await pool.embed(TEXTS), before);
    assert.deepEqual(server.take().map(({ name }) => name).sort(), Object.keys(MODEL.files).sort()); // prettier-ignore
    pool.free();
    await server.close();
  });

  test("that cannot be loaded fail the load with the error of one worker, and leave no worker", async () => {
    [workers, states] = [[], []];
    const { "tokenizer.json": left, ...rest } = MODEL.files;
    await failsWith("MISSING_FILE", Corom.load(rest, { workers: WORKERS, worker }), "tokenizer.json");
    assert.equal(workers.length, WORKERS);
    await Promise.all(workers.map(ended));
    const server = await faultServer(MODEL.files, ({ name }) => (name === "model.onnx" ? { stall: 100 } : undefined));
    const loading = Corom.load(server.address, { workers: WORKERS, worker, signal: AbortSignal.timeout(300) });
    await assert.rejects(loading, { name: "TimeoutError" });
    await Promise.all(workers.map(ended));
    const thrown = new Error("mine");
    const onProgress = ({ phase }) => {
      if (phase === "done") throw thrown;
    };
    await assert.rejects(Corom.load(MODEL.files, { workers: WORKERS, worker, onProgress }), thrown);
    await Promise.all(workers.map(ended));
    await server.close();
  });
});

describe("when workers are busy or fail,", () => {
  let pool;
  beforeEach(async () => {
    [workers, states] = [[], []];
    pool = await Corom.load(FOLDER, { ...OPTIONS, workers: WORKERS, worker });
  });
  afterEach(async () => {
    assert.deepEqual(bitsOf(await pool.embed(TEXTS)), expected);
    pool.free();
    await Promise.all(workers.map(ended));
  });
  /** Halts the next call that reaches worker `i`. Returns when it has halted. */
  async function halted(i) {
    states[i].haltAfter(3);
    await states[i].untilHalted();
  }

  test("calls run at the same time, and a call waits only if no worker is free", async () => {
    const done = [];
    const first = pool.embed("一").then(() => done.push("first"));
    await halted(0);
    await pool.embed("二").then(() => done.push("second"));
    const texts = pool.embed(TEXTS).then((vectors) => (done.push("texts"), assert.deepEqual(bitsOf(vectors), expected)));
    await texts;
    assert.deepEqual(done, ["second", "texts"]);
    states[0].go();
    await first;
    assert.equal(workers.length, WORKERS);
  });

  test("calls are served in the order in which they were made", async () => {
    const halts = [];
    const running = [];
    for (let i = 0; i < WORKERS; i++) {
      running.push(pool.embed(`text ${i}`));
      halts.push(halted(i));
      await halts.at(-1);
    }
    const done = [];
    const waiting = ["一", "二", "三"].map((text) => pool.embed(text).then(() => done.push(text)));
    await later(20);
    assert.deepEqual(done, []);
    states[1].go();
    await Promise.all(waiting);
    assert.deepEqual(done, ["一", "二", "三"]);
    states[0].go();
    states[2].go();
    await Promise.all(running);
  });

  test("an abort ends the parts of a call in all workers, and no other call", async () => {
    const controller = new AbortController();
    const reason = new Error("mine");
    const call = assert.rejects(pool.embed([...TEXTS, ...TEXTS], { signal: controller.signal }), reason);
    const halts = states.map((_, i) => halted(i));
    await Promise.all(halts);
    const waiting = pool.tokenize("裤");
    const never = assert.rejects(pool.embed("a", { signal: controller.signal }), reason);
    controller.abort(reason);
    await Promise.all([call, never]);
    await later(20); // longer than a worker works without looking for messages
    const before = states.map(({ steps }) => steps);
    for (const state of states) state.go();
    assert.equal((await waiting).truncated, false);
    await pool.embed("裤");
    const after = states.map(({ steps }, i) => steps - before[i]);
    assert.ok(after.every((steps) => steps < 60), `steps after the abort: ${after}`);
    assert.equal(workers.length, WORKERS);
  });

  test("abortPrevious rejects the older pending call", async () => {
    const older = assert.rejects(pool.embed(TEXTS, { abortPrevious: true }), { name: "AbortError" });
    const newer = pool.rank(QUERY, TEXTS, { abortPrevious: true, topK: 3 });
    await older;
    assert.deepEqual(await newer, await here.rank(QUERY, TEXTS, { topK: 3 }));
  });

  test("a crash rejects the call, not the others, and only its worker loads again", async () => {
    const crash = failsWith("INTERNAL", pool.embed("trap"), "the next call loads the model again");
    const others = [pool.embed(TEXTS), pool.embed("二"), pool.rank(QUERY, TEXTS)];
    await crash;
    assert.deepEqual(bitsOf((await Promise.all(others))[0]), expected);
    await Promise.all(Array.from({ length: 2 * WORKERS }, (_, i) => pool.embed(`${i}`)));
    assert.ok(workers.length <= WORKERS + 1, `${workers.length} workers were started`);
  });

  test("a crash in one part of a call ends its other parts", async () => {
    // The texts of a portion are embedded together, so that the first text of a portion decides.
    const texts = ["end", ...TEXTS];
    await failsWith("INTERNAL", pool.embed(texts), "the worker ended");
    assert.ok(workers.length <= WORKERS, "no worker was replaced yet");
  });

  test("workers that are all killed are replaced by the next calls", async () => {
    await Promise.all(workers.map((one) => one.terminate()));
    await later(20);
    assert.equal(pool.info.wasmMemory, 0);
    await pool.embed("裤");
    assert.equal(workers.length, WORKERS + 1, "one call needs one worker");
    await pool.embed(TEXTS);
    assert.equal(workers.length, 2 * WORKERS);
  });

  test("unload() waits for the calls made so far, and later calls wait for it", async () => {
    const order = [];
    const note = (name) => () => order.push(name);
    const calls = [pool.embed(TEXTS).then(note("call")), pool.embed("一").then(note("call"))];
    const unloaded = pool.unload().then(note("unloaded"));
    const next = pool.embed("二").then(note("next"));
    await Promise.all([...calls, unloaded, next]);
    assert.deepEqual(order, ["call", "call", "unloaded", "next"]);
    assert.equal(workers.length, WORKERS + 1);
  });

  test("free() rejects running and waiting calls with FREED and starts no worker", async () => {
    const one = await Corom.load(FOLDER, { ...OPTIONS, workers: 2, worker });
    const calls = [one.embed("block"), one.embed("block"), one.embed(TEXTS), one.tokenize("a"), one.unload()];
    const outcomes = Promise.all(calls.map((call) => failsWith("FREED", call)));
    setTimeout(() => one.free(), 50);
    await outcomes;
    await failsWith("FREED", one.embed("a"));
    await Promise.all(workers.slice(WORKERS).map(ended));
    assert.equal(workers.length, WORKERS + 2);
  });
});
