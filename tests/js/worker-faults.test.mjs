// `corom/worker` in Node when things go wrong: aborts, crashes, workers that are gone; and what gives memory back.
import assert from "node:assert/strict";
import { afterEach, before, beforeEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Corom } from "corom/worker";
import { failsWith } from "./support/corom.mjs";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const MANY = Array.from({ length: 3000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
const script = (name) => new URL(name, import.meta.url);

/** The workers that were started, the newest last. */
let workers = [];
const worker = () => {
  workers.push(new Worker(script("./support/unruly-thread.mjs"), { resourceLimits: { maxOldGenerationSizeMb: 64 } }));
  return workers.at(-1);
};
/** Whether a worker has ended, soon. */
const ended = (one) =>
  one.threadId === -1 ||
  new Promise((resolve) => (one.once("exit", () => resolve(true)), setTimeout(resolve, 5000, false)));

let expected;
let corom;
before(async () => {
  const tame = await Corom.load(FOLDER, OPTIONS);
  expected = (await tame.embed(TEXTS)).data;
  tame.free();
});
beforeEach(async () => {
  workers = [];
  corom = await Corom.load(FOLDER, { ...OPTIONS, worker });
});
afterEach(async () => {
  await works();
  corom.free();
  for (const one of workers) assert.ok(await ended(one), "every worker ends");
});
async function works() {
  assert.deepEqual((await corom.embed(TEXTS)).data, expected);
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

describe("an abort", () => {
  test("before the call", async () => {
    const reason = new Error("mine");
    const signal = AbortSignal.abort(reason);
    for (const call of [
      () => corom.embed("a", { signal }),
      () => corom.embed([], { signal }),
      () => corom.score("a", ["b"], { signal }),
      () => corom.rank("a", ["b"], { signal }),
      () => corom.pipeline({ source_sentence: "a" }, { signal }),
      () => corom.tokenize("a", { signal }),
      () => Corom.load(FOLDER, { signal }),
    ])
      await assert.rejects(call(), reason);
  });

  test("of a call under way: at once, the worker stays and does not finish it", async () => {
    const whole = await timed(() => corom.embed(MANY));
    const signal = AbortSignal.timeout(20);
    const cut = await timed(async () => {
      await assert.rejects(corom.embed(MANY, { signal }), { name: "TimeoutError" });
      await works();
    });
    assert.ok(cut < whole / 2, `aborted after ${cut} ms of ${whole} ms`);
    assert.equal(workers.length, 1);
  });

  test("of a waiting call leaves the running one", async () => {
    const controller = new AbortController();
    const order = [];
    const running = corom.embed(MANY.slice(0, 600)).then(() => order.push("running"));
    const waiting = assert.rejects(corom.embed("手机", { signal: controller.signal }), { name: "AbortError" });
    setImmediate(() => controller.abort());
    await Promise.all([running, waiting.then(() => order.push("waiting"))]);
    assert.deepEqual(order, ["waiting", "running"]);
  });

  test("in the middle of a text that takes too long: at once, and another worker goes on", async () => {
    corom.free();
    corom = await Corom.load(FOLDER, { ...OPTIONS, worker, abortTimeout: 50 });
    workers.shift();
    const took = await timed(() =>
      assert.rejects(corom.embed("block", { signal: AbortSignal.timeout(30) }), { name: "TimeoutError" }),
    );
    assert.ok(took < 1000, `${took} ms`);
    await works();
    assert.equal(workers.length, 2);
    assert.ok(await ended(workers[0]));
  });

  test("never ends the worker with abortTimeout: Infinity, and by default waits as long as a load took", async () => {
    assert.rejects(corom.embed("block", { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
    const waited = await timed(works);
    assert.ok(waited >= 950, `after ${waited} ms`);
    assert.equal(workers.length, 2);
    const patient = await Corom.load(FOLDER, { worker, abortTimeout: Infinity });
    await assert.rejects(patient.embed("block", { signal: AbortSignal.timeout(10) }), { name: "TimeoutError" });
    await assert.rejects(patient.embed("a", { signal: AbortSignal.timeout(2000) }), { name: "TimeoutError" });
    patient.free();
  });

  test("of a load ends its worker", async () => {
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
  test("rejects the older pending call, waiting or under way, and no other", async () => {
    const superseded = { name: "AbortError" };
    const abortPrevious = true;
    const plain = corom.embed(MANY.slice(0, 300));
    const first = assert.rejects(corom.embed(MANY, { abortPrevious }), superseded);
    await plain; // the first is under way
    const second = assert.rejects(corom.rank("a", ["b"], { abortPrevious }), superseded);
    const third = assert.rejects(corom.tokenize("a", { abortPrevious }), superseded);
    const other = corom.embed("裤");
    const last = corom.score("a", [], { abortPrevious });
    await Promise.all([first, second, third]);
    assert.equal((await other).rows, 1);
    assert.equal((await last).length, 0);
    await corom.embed("a", { abortPrevious });
    await corom.embed("b", { abortPrevious }); // the one before is done
    assert.equal(workers.length, 1);
  });

  test("keeps to the call's own signal", async () => {
    const controller = new AbortController();
    const reason = new Error("mine");
    const call = assert.rejects(corom.embed(MANY, { abortPrevious: true, signal: controller.signal }), reason);
    setTimeout(() => controller.abort(reason), 10);
    await call;
  });
});

describe("a crash", () => {
  for (const [text, code, words] of [
    ["trap", "INTERNAL", "unreachable"],
    ["no memory", "OUT_OF_MEMORY", "ran out of memory"],
  ]) {
    test(`of the instance (${text}) is ${code}; calls that wait go on in another worker`, async () => {
      const crash = failsWith(code, corom.embed(text), "the next call loads the model again");
      const waiting = corom.embed(TEXTS);
      const error = await crash;
      assert.equal(error.cause.code, code);
      assert.match(error.cause.message, new RegExp(words));
      assert.deepEqual((await waiting).data, expected);
      assert.equal(workers.length, 2);
      assert.ok(await ended(workers[0]));
    });
  }

  for (const [text, code, words] of [
    ["heap", "OUT_OF_MEMORY", "memory"],
    ["throw", "INTERNAL", "thrown in a timer"],
    ["end", "INTERNAL", "the worker ended"],
  ]) {
    test(`of the worker (${text}) is ${code}`, async () => {
      const crash = failsWith(code, corom.embed(text), words, "the next call starts another");
      const waiting = corom.tokenize("裤");
      await crash;
      assert.equal((await waiting).truncated, false);
      assert.equal(workers.length, 2);
    });
  }

  test("from outside, during a call and between calls", async () => {
    const during = failsWith("INTERNAL", corom.embed("block"), "the worker ended");
    setTimeout(() => workers[0].terminate(), 50);
    await during;
    assert.equal(corom.info.wasmMemory, 0);
    await works();
    await workers[1].terminate();
    await works();
    assert.equal(workers.length, 3);
  });

  test("over and over", async () => {
    for (let i = 0; i < 5; i++) {
      await failsWith("INTERNAL", corom.embed("trap"));
      await works();
    }
    assert.equal(workers.length, 6);
  });
});

describe("a later load", () => {
  test("reports progress; its error is the call's, and the call after it tries again", async () => {
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

  test("goes on when the call that caused it is aborted", async () => {
    await corom.unload();
    await assert.rejects(corom.embed("a", { signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
    await works();
    assert.equal(workers.length, 2);
  });

  test("holds up neither that call nor unload when it hangs", async () => {
    const files = filesOf(FOLDER, MODEL_FILES);
    let hangs = false;
    const server = await serveWith((name, response) => hangs || fromFiles(files)(name, response));
    const remote = await Corom.load(server.address, { ...OPTIONS, worker });
    await remote.unload();
    hangs = true;
    const took = await timed(async () => {
      await assert.rejects(remote.embed("a", { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
      await remote.unload();
    });
    assert.ok(took < 10_000, `${took} ms`);
    hangs = false;
    assert.deepEqual((await remote.embed(TEXTS)).data, expected);
    remote.free();
    await server.close();
  });
});

describe("memory given back", () => {
  test("by unload, after the calls made so far; the next call loads again", async () => {
    const order = [];
    const call = corom.embed(MANY.slice(0, 200)).then(() => order.push("call"));
    const unloaded = corom.unload().then(() => order.push("unloaded"));
    await Promise.all([call, unloaded]);
    assert.deepEqual(order, ["call", "unloaded"]);
    assert.equal(corom.info.wasmMemory, 0);
    assert.ok(await ended(workers[0]));
    await corom.unload();
    await works();
    assert.ok(corom.info.wasmMemory > 0);
    assert.equal(workers.length, 2);
  });

  test("by free, at once: calls under way and later ones are FREED", async () => {
    const one = await Corom.load(FOLDER, { worker });
    const calls = [one.embed("block"), one.embed("a"), one.unload(), one.tokenize("a")];
    const outcomes = Promise.all(calls.map((call) => failsWith("FREED", call)));
    setTimeout(() => one.free(), 50);
    await outcomes;
    one.free();
    one[Symbol.dispose]?.();
    assert.ok(await ended(workers.at(-1)));
    assert.equal(one.info.wasmMemory, 0);
    assert.equal(one.info.dimension, 32);
    await failsWith("FREED", one.embed("a"));
    await failsWith("FREED", one.unload());
    await failsWith("FREED", one.tokenize("a"));
  });

  test("by free during a later load", async () => {
    const one = await Corom.load(FOLDER, { worker });
    await one.unload();
    const call = failsWith("FREED", one.embed("a"));
    setTimeout(() => one.free(), 10);
    await call;
  });
});
