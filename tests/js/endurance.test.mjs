// Aborts at random moments and ten thousand mixed calls, with the class on its own thread and in a worker: the next call
// works, and nothing stays in memory.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { sentenceEmbedding } from "corom/modelscope";
import { Corom as InWorker } from "corom/worker";
import { Corom, random } from "./support/corom.mjs";
import { assertSteady, untilMemories } from "./support/leaks.mjs";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { serveWith } from "./support/server.mjs";
import { sharedState } from "./support/unruly-state.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const MANY = Array.from({ length: 2000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
const ABORTS = 12;
const CALLS = 2000;
/** The minimum that an aborted load keeps if it keeps anything: its WebAssembly memory is counted apart from this. */
const BYTES_PER_LOAD = 8192;
/** The minimum that an aborted call keeps: its list of 2,000 texts has 16 KB. */
const BYTES_PER_ABORT = 4096;
/** The minimum that a call keeps: an object with a few fields. */
const BYTES_PER_CALL = 48;

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server that sends files in ten pieces, so that a load has many moments. */
async function slowServer() {
  const files = filesOf(FOLDER, MODEL_FILES);
  return serveWith(async (name, response) => {
    const contents = files[name];
    if (!contents) return response.writeHead(404).end();
    response.writeHead(200, { "content-length": contents.length });
    const piece = Math.ceil(contents.length / 10);
    for (let at = 0; at < contents.length && !response.destroyed; at += piece) {
      response.write(contents.subarray(at, at + piece));
      await later(2);
    }
    response.end();
  });
}

/** Starts `work(signal)` and aborts it after `ms`. Returns true if it was rejected with the abort's reason. */
async function isAborted(ms, work) {
  const controller = new AbortController();
  const reason = new Error("aborted at random");
  const timer = setTimeout(() => controller.abort(reason), ms);
  try {
    await work(controller.signal);
    return false;
  } catch (error) {
    assert.equal(error, reason);
    return true;
  } finally {
    clearTimeout(timer);
  }
}

/** Chooses moments within the duration of a piece of work, which it learns while it runs. */
class RandomMoments {
  #next;
  #whole = 200;
  constructor(seed) {
    this.#next = random(seed);
  }
  /** Aborts each of `works` at a random moment; repeats one that was done before its abort came. */
  async abortEach(works) {
    for (const work of works) {
      for (let tries = 0; ; tries++) {
        const began = performance.now();
        if (await isAborted(this.#next() * this.#whole, work)) break;
        this.#whole = performance.now() - began;
        assert.ok(tries < 50, "50 runs were all done before their aborts");
      }
    }
  }
}

describe("Corom on this thread", () => {
  suite({ load: (source, options) => Corom.load(source, options), untilSettled: () => untilMemories(1) });
});

describe("Corom in a worker", () => {
  /** Workers that have not ended. */
  const running = new Set();
  const states = new Map(); // of each worker
  const worker = () => {
    const state = sharedState();
    const one = new Worker(new URL("./support/unruly-thread.mjs", import.meta.url), { workerData: state.buffer });
    running.add(one);
    states.set(one, state);
    one.once("exit", () => (running.delete(one), states.delete(one)));
    return one;
  };
  const untilSettled = async () => {
    while (running.size > 1) await later(5);
  };
  suite({
    load: (source, options) => InWorker.load(source, { ...options, worker }),
    untilSettled,
    /** Live bytes in the one worker that runs. */
    async measureThread(corom) {
      await untilSettled();
      await corom.embed("measure");
      return states.get([...running][0]).bytes;
    },
  });
});

/**
 * `untilSettled` resolves when at most one model is in memory: the one that the suite keeps. `measureThread` returns the
 * live bytes of the model's own thread, if that is another.
 */
function suite({ load, untilSettled, measureThread }) {
  let server;
  let kept;
  let expected;
  before(async () => {
    server = await slowServer();
    kept = await load(FOLDER, { ...OPTIONS, queryCache: 100 });
    expected = (await kept.embed(TEXTS)).data;
  });
  after(() => {
    kept.free();
    return server.close();
  });
  const works = async (corom) => assert.deepEqual((await corom.embed(TEXTS)).data, expected);

  test("load keeps nothing after aborts at random moments, and loads afterwards", async () => {
    const moments = new RandomMoments(25);
    const loadAndFree = async (signal) => (await load(server.address, { ...OPTIONS, signal })).free();
    const round = async () => {
      await moments.abortEach(Array(ABORTS).fill(loadAndFree));
      await untilSettled();
    };
    await assertSteady(round, { limit: ABORTS * BYTES_PER_LOAD, rounds: 6, warmUp: 3 });
    const corom = await load(server.address, OPTIONS);
    await works(corom);
    corom.free();
    await untilSettled();
  });

  test("embed, rank and pipeline keep nothing after aborts at random moments, and work afterwards", async () => {
    const moments = new RandomMoments(50);
    const calls = [
      (signal) => kept.embed(MANY, { signal }),
      (signal) => kept.rank("裤", MANY, { signal }),
      (signal) => sentenceEmbedding(kept)({ source_sentence: MANY }, { signal }),
    ];
    for (const call of calls) await call();
    const memory = kept.info.wasmMemory;
    await assertSteady(
      async () => {
        await moments.abortEach(calls);
        await works(kept);
      },
      { limit: calls.length * BYTES_PER_ABORT, rounds: 6 },
    );
    assert.equal(kept.info.wasmMemory, memory, "aborted calls leave nothing in WebAssembly");
  });

  test("ten thousand mixed calls leave memory flat", async () => {
    const next = random(10_000);
    const text = () => `${"阔腿裤女冬牛仔".slice(Math.floor(next() * 6))}${Math.floor(next() * 1000)}`;
    const few = () => Array.from({ length: Math.floor(next() * 4) }, text);
    const isAbort = { name: "AbortError" };
    const rankNewest = (abortPrevious) =>
      kept.rank(text(), few(), { abortPrevious }).catch(({ name }) => assert.equal(name, "AbortError"));
    const calls = [
      () => kept.embed(text()),
      () => kept.embed(few()),
      () => kept.score(text(), few()),
      () => rankNewest(next() < 0.5),
      () => sentenceEmbedding(kept)({ source_sentence: text(), sentences_to_compare: few() }),
      () => kept.tokenize(text()),
      () => assert.rejects(kept.embed([5]), { code: "INVALID_ARGUMENT" }),
      () => assert.rejects(kept.embed(few(), { signal: AbortSignal.abort() }), isAbort),
    ];
    const round = async () => {
      for (let i = 0; i < CALLS; i += 5)
        await Promise.all(Array.from({ length: 5 }, () => calls[Math.floor(next() * calls.length)]()));
    };
    await round(); // the query cache fills, and WebAssembly's memory grows to what a call needs
    const memory = kept.info.wasmMemory;
    await assertSteady(round, { limit: CALLS * BYTES_PER_CALL, rounds: 7, warmUp: 2 });
    if (measureThread)
      await assertSteady(round, {
        limit: CALLS * BYTES_PER_CALL,
        rounds: 5,
        warmUp: 0,
        measure: () => measureThread(kept),
      });
    assert.equal(kept.info.wasmMemory, memory, "WebAssembly's memory is flat");
    await works(kept);
  });
}
