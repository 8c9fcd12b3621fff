// `corom/worker` in Node when things go wrong: aborts, crashes, workers that end; and how memory is released.
import assert from "node:assert/strict";
import { afterEach, before, beforeEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { sentenceEmbedding } from "corom/modelscope";
import { Corom } from "corom/worker";
import { failsWith } from "./support/corom.mjs";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";
import { sharedState } from "./support/unruly-state.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const MANY = Array.from({ length: 3000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
const script = (name) => new URL(name, import.meta.url);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The workers that were started, the newest last, and the state that each shares with this thread. */
let workers = [];
let states = [];
const worker = () => {
  states.push(sharedState());
  workers.push(
    new Worker(script("./support/unruly-thread.mjs"), {
      resourceLimits: { maxOldGenerationSizeMb: 64 },
      workerData: states.at(-1).buffer,
    }),
  );
  return workers.at(-1);
};
/** Resolves when a worker has ended. An idle worker keeps no program running, so that a timer has to. */
async function ended(one) {
  while (one.threadId !== -1) await later(5);
}

let expected;
let corom;
before(async () => {
  const tame = await Corom.load(FOLDER, OPTIONS);
  expected = (await tame.embed(TEXTS)).data;
  tame.free();
});
beforeEach(async () => {
  [workers, states] = [[], []];
  corom = await Corom.load(FOLDER, { ...OPTIONS, worker });
});
afterEach(async () => {
  await works();
  corom.free();
  await Promise.all(workers.map(ended));
});
async function works() {
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
}

/** Resolves when the call in hand has done `steps` steps in the newest worker, which halts there; `go()` ends the halt. */
async function halted(steps = 3) {
  states.at(-1).haltAfter(steps);
  await states.at(-1).untilHalted();
}
const go = () => states.at(-1).go();

describe("an aborted signal", () => {
  test("rejects every call with its reason if it was aborted before", async () => {
    const reason = new Error("mine");
    const signal = AbortSignal.abort(reason);
    for (const call of [
      () => corom.embed("a", { signal }),
      () => corom.embed([], { signal }),
      () => corom.score("a", ["b"], { signal }),
      () => corom.rank("a", ["b"], { signal }),
      () => sentenceEmbedding(corom)({ source_sentence: "a" }, { signal }),
      () => corom.tokenize("a", { signal }),
      () => Corom.load(FOLDER, { signal }),
    ])
      await assert.rejects(call(), reason);
  });

  test("ends a running call at its next step, and keeps the worker", async () => {
    const [state] = states;
    const started = state.steps;
    await corom.embed(MANY);
    const whole = state.steps - started;
    const controller = new AbortController();
    const call = assert.rejects(corom.embed(MANY, { signal: controller.signal }), { name: "AbortError" });
    await halted();
    controller.abort();
    const before = state.steps;
    await later(20); // longer than a worker works without looking for messages
    go();
    await call;
    await works();
    const steps = state.steps - before;
    assert.ok(whole > 100 && steps < whole / 4, `${steps} steps after the abort; a whole call has ${whole}`);
    assert.equal(workers.length, 1);
  });

  test("rejects a waiting call before the running call is done", async () => {
    const controller = new AbortController();
    const order = [];
    const running = corom.embed(MANY.slice(0, 600)).then(() => order.push("running"));
    const waiting = assert.rejects(corom.embed("手机", { signal: controller.signal }), { name: "AbortError" });
    await halted();
    controller.abort();
    await waiting;
    order.push("waiting");
    go();
    await running;
    assert.deepEqual(order, ["waiting", "running"]);
  });

  test("ends the worker if the step in hand takes longer than abortTimeout; another worker serves the next call", async () => {
    const one = await Corom.load(FOLDER, { ...OPTIONS, worker, abortTimeout: 50 });
    const call = one.embed("block", { signal: AbortSignal.timeout(30) }); // never done by itself
    await assert.rejects(call, { name: "TimeoutError" });
    assert.deepEqual((await one.embed(TEXTS)).data, expected);
    assert.equal(workers.length, 3);
    await ended(workers[1]);
    one.free();
  });

  test("by default ends the worker after a second or the time of a load, whichever is longer", async () => {
    const began = performance.now();
    const call = assert.rejects(corom.embed("block", { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
    await Promise.all([call, ended(workers[0])]);
    assert.ok(performance.now() - began >= 1000, "not before a second");
    await works();
    assert.equal(workers.length, 2);
  });

  test("never ends the worker with abortTimeout: Infinity", async () => {
    const patient = await Corom.load(FOLDER, { worker, abortTimeout: Infinity });
    await assert.rejects(patient.embed("block", { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
    // A call afterwards waits, because the worker is still busy after the default limit.
    await assert.rejects(patient.embed("a", { signal: AbortSignal.timeout(1500) }), { name: "TimeoutError" });
    assert.equal(workers.length, 2, "no other worker was started");
    assert.notEqual(workers[1].threadId, -1);
    patient.free();
  });

  test("ends the worker of a load", async () => {
    for (const delay of [0, 5, 50, 150]) {
      const signal = AbortSignal.timeout(delay);
      const files = filesOf(FOLDER, MODEL_FILES);
      const stuck = await serveWith((name, response) => {
        if (name === "model.onnx")
          response.writeHead(200, { "content-length": 1000 }).write("half"); // and no more
        else fromFiles(files)(name, response);
      });
      await assert.rejects(Corom.load(stuck.address, { signal, worker }), { name: "TimeoutError" });
      await stuck.close();
    }
  });
});

describe("abortPrevious", () => {
  test("rejects the older pending call that has it, waiting or running, and no other", async () => {
    const superseded = { name: "AbortError" };
    const abortPrevious = true;
    const plain = corom.embed(MANY.slice(0, 300));
    const first = assert.rejects(corom.embed(MANY, { abortPrevious }), superseded);
    await plain; // now the first one runs
    const second = assert.rejects(corom.rank("a", ["b"], { abortPrevious }), superseded);
    const third = assert.rejects(corom.tokenize("a", { abortPrevious }), superseded);
    const other = corom.embed("裤");
    const last = corom.score("a", [], { abortPrevious });
    await Promise.all([first, second, third]);
    assert.equal((await other).length, corom.info.dimension);
    assert.equal((await last).length, 0);
    await corom.embed("a", { abortPrevious });
    await corom.embed("b", { abortPrevious }); // the one before is done
    assert.equal(workers.length, 1);
  });

  test("still rejects with the reason of the call's own signal", async () => {
    const controller = new AbortController();
    const reason = new Error("mine");
    const call = assert.rejects(corom.embed(MANY, { abortPrevious: true, signal: controller.signal }), reason);
    await halted();
    controller.abort(reason);
    go();
    await call;
  });
});

describe("a crash", () => {
  for (const [text, code, words] of [
    ["trap", "INTERNAL", "unreachable"],
    ["no memory", "OUT_OF_MEMORY", "ran out of memory"],
  ]) {
    test(`of the WebAssembly instance (${text}) rejects with ${code}; waiting calls continue in another worker`, async () => {
      const crash = failsWith(code, corom.embed(text), "the next call loads the model again");
      const waiting = corom.embed(TEXTS);
      const error = await crash;
      assert.equal(error.cause.code, code);
      assert.match(error.cause.message, new RegExp(words));
      assert.deepEqual((await waiting).data, expected);
      assert.equal(workers.length, 2);
      await ended(workers[0]);
    });
  }

  for (const [text, code, words] of [
    ["heap", "OUT_OF_MEMORY", "memory"],
    ["throw", "INTERNAL", "thrown in a timer"],
    ["end", "INTERNAL", "the worker ended"],
  ]) {
    test(`of the worker (${text}) rejects with ${code}; waiting calls continue in another worker`, async () => {
      const crash = failsWith(code, corom.embed(text), words, "the next call starts another");
      const waiting = corom.tokenize("裤");
      await crash;
      assert.equal((await waiting).truncated, false);
      assert.equal(workers.length, 2);
    });
  }

  test("by terminate() rejects the running call with INTERNAL; the next call starts another worker", async () => {
    const during = failsWith("INTERNAL", corom.embed("block"), "the worker ended");
    setTimeout(() => workers[0].terminate(), 50);
    await during;
    assert.equal(corom.info.wasmMemory, 0);
    await works();
    await workers[1].terminate();
    await works();
    assert.equal(workers.length, 3);
  });

  test("can happen again and again", async () => {
    for (let i = 0; i < 5; i++) {
      await failsWith("INTERNAL", corom.embed("trap"));
      await works();
    }
    assert.equal(workers.length, 6);
  });
});

describe("a later load", () => {
  test("reports progress; if it fails, the call rejects with its error and the next call loads again", async () => {
    const files = filesOf(FOLDER, MODEL_FILES);
    const events = [];
    let up = true;
    const server = await serveWith((name, response) =>
      up ? fromFiles(files)(name, response) : response.writeHead(404).end(),
    );
    const remote = await Corom.load(server.address, {
      ...OPTIONS,
      worker,
      onProgress: ({ phase }) => events.push(phase),
    });
    events.length = 0;
    up = false;
    await failsWith("INTERNAL", remote.embed("trap"));
    await failsWith("MISSING_FILE", remote.embed("a"));
    await failsWith("MISSING_FILE", remote.tokenize("a"));
    assert.equal(remote.info.wasmMemory, 0);
    up = true;
    events.length = 0;
    assert.deepEqual((await remote.embed(TEXTS)).data, expected);
    assert.ok(events.includes("download") && events.at(-1) === "done");
    await failsWith("INTERNAL", remote.embed("trap"));
    Object.assign(files, filesOf(exportFolder("legacy-op12"), MODEL_FILES));
    await failsWith("INTEGRITY_MISMATCH", remote.embed("a"), "another model");
    remote.free();
    await server.close();
  });

  test("continues if the call that caused it is aborted", async () => {
    const controller = new AbortController();
    let onProgress = () => {};
    const one = await Corom.load(FOLDER, { ...OPTIONS, worker, onProgress: (event) => onProgress(event) });
    await one.unload();
    onProgress = () => controller.abort();
    await assert.rejects(one.embed("a", { signal: controller.signal }), { name: "AbortError" });
    assert.deepEqual((await one.embed(TEXTS)).data, expected);
    assert.equal(workers.length, 3, "the load was not started again");
    one.free();
  });

  // A wrong implementation would wait for ever.
  test("that hangs blocks neither the abort of that call nor unload()", { timeout: 120_000 }, async () => {
    const files = filesOf(FOLDER, MODEL_FILES);
    let hangs = false;
    const server = await serveWith((name, response) => hangs || fromFiles(files)(name, response));
    const remote = await Corom.load(server.address, { ...OPTIONS, worker, stallTimeout: Infinity });
    await remote.unload();
    hangs = true;
    await assert.rejects(remote.embed("a", { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
    await remote.unload();
    hangs = false;
    assert.deepEqual((await remote.embed(TEXTS)).data, expected);
    remote.free();
    await server.close();
  });
});

describe("memory", () => {
  test("is released by unload() after the calls made so far; the next call loads again", async () => {
    const order = [];
    const call = corom.embed(MANY.slice(0, 200)).then(() => order.push("call"));
    const unloaded = corom.unload().then(() => order.push("unloaded"));
    await Promise.all([call, unloaded]);
    assert.deepEqual(order, ["call", "unloaded"]);
    assert.equal(corom.info.wasmMemory, 0);
    await ended(workers[0]);
    await corom.unload();
    await works();
    assert.ok(corom.info.wasmMemory > 0);
    assert.equal(workers.length, 2);
  });

  test("is released by free() at once; running and later calls reject with FREED", async () => {
    const one = await Corom.load(FOLDER, { worker });
    const calls = [one.embed("block"), one.embed("a"), one.unload(), one.tokenize("a")];
    const outcomes = Promise.all(calls.map((call) => failsWith("FREED", call)));
    setTimeout(() => one.free(), 50);
    await outcomes;
    one.free();
    one[Symbol.dispose]?.();
    await ended(workers.at(-1));
    assert.equal(one.info.wasmMemory, 0);
    assert.equal(one.info.dimension, 32);
    await failsWith("FREED", one.embed("a"));
    await failsWith("FREED", one.unload());
    await failsWith("FREED", one.tokenize("a"));
  });

  test("is released by free() during a later load", async () => {
    let onProgress = () => {};
    const one = await Corom.load(FOLDER, { worker, onProgress: (event) => onProgress(event) });
    await one.unload();
    onProgress = () => one.free();
    await failsWith("FREED", one.embed("a"));
    await ended(workers.at(-1));
  });
});
