// Aborts at random moments, and ten thousand mixed calls: the next call works, and memory does not grow. With the class
// on its own thread and in a worker.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Corom as InWorker } from "corom/worker";
import { Corom, random } from "./support/corom.mjs";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { serveWith } from "./support/server.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const MANY = Array.from({ length: 2000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
const MIB = 2 ** 20;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
/** Resident memory after the garbage is gone, in MiB. */
async function resident() {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().rss / MIB;
}
/**
 * Asserts that `work` leaks nothing: each of its rounds allocates enough that a leak would show as `limit` MiB. Resident
 * memory also grows by itself (compilers, arenas of allocators), but not in every round, as a leak does. So one is enough.
 */
async function holdsMemory(limit, work) {
  const rounds = [];
  while (rounds.length < 5) {
    const start = await resident();
    await work();
    let more = Infinity;
    // Instances' memories go late on a busy machine.
    for (let i = 0; i < 40 && more >= limit; i++) more = (await resident()) - start;
    if (more < limit) return;
    rounds.push(more.toFixed(1));
  }
  assert.fail(`${rounds.join(", ")} MiB more in each of ${rounds.length} rounds`);
}
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server that sends in pieces, so that a download takes a while. */
async function slowly() {
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

for (const [where, Class] of [
  ["on this thread", Corom],
  ["in a worker", InWorker],
]) {
  describe(where, () => {
    let server;
    let expected;
    before(async () => {
      server = await slowly();
      const corom = await Class.load(FOLDER, OPTIONS);
      expected = (await corom.embed(TEXTS)).data;
      corom.free();
    });
    after(() => server.close());

    /** Starts `work(signal)` and aborts after `ms`; whether that was in time. It rejects with the reason, or is done. */
    async function aborted(ms, work) {
      const controller = new AbortController();
      const reason = new Error("aborted at random");
      setTimeout(() => controller.abort(reason), ms);
      return work(controller.signal).then(
        () => false,
        (error) => {
          assert.equal(error, reason);
          return true;
        },
      );
    }

    test("a load that is aborted at 25 random moments", async () => {
      const next = random(25);
      const load = async (signal) => (await Class.load(server.address, { ...OPTIONS, signal })).free();
      await load();
      let whole = 1000; // until one was too late
      await holdsMemory(20, async () => {
        let cut = 0;
        for (let i = 0; i < 25; i++) {
          const began = performance.now();
          if (await aborted(next() * whole, load)) cut++;
          else whole = performance.now() - began;
        }
        assert.ok(cut >= 10, `${cut} of 25 were in time`);
      });
      const corom = await Class.load(server.address, OPTIONS);
      assert.deepEqual((await corom.embed(TEXTS)).data, expected);
      corom.free();
    });

    test("calls that are aborted at 25 random moments", async () => {
      const next = random(50);
      const corom = await Class.load(FOLDER, OPTIONS);
      const calls = [
        (signal) => corom.embed(MANY, { signal }),
        (signal) => corom.rank("裤", MANY, { signal }),
        (signal) => corom.pipeline({ source_sentence: MANY }, { signal }),
      ];
      for (const call of calls) await call();
      const memory = corom.info.wasmMemory;
      let whole = 1000; // until one was too late
      let cut = 0;
      for (let i = 0; i < 25; i++) {
        const began = performance.now();
        if (await aborted(next() * whole, calls[i % calls.length])) cut++;
        else whole = performance.now() - began;
        assert.deepEqual((await corom.embed(TEXTS)).data, expected);
      }
      assert.ok(cut >= 10, `${cut} of 25 were in time`);
      assert.equal(corom.info.wasmMemory, memory, "nothing of the aborted jobs is left");
      corom.free();
    });

    test("ten thousand mixed calls in flat memory", async () => {
      const next = random(10_000);
      const corom = await Class.load(FOLDER, { ...OPTIONS, queryCache: 100 });
      const text = () => `${"阔腿裤女冬牛仔".slice(Math.floor(next() * 6))}${Math.floor(next() * 1000)}`;
      const few = () => Array.from({ length: Math.floor(next() * 4) }, text);
      const calls = [
        () => corom.embed(text()),
        () => corom.embed(few()),
        () => corom.score(text(), few()),
        () => corom.rank(text(), few(), { abortPrevious: next() < 0.5 }),
        () => corom.pipeline({ source_sentence: text(), sentences_to_compare: few() }),
        async () => corom.tokenize(text()),
        () => assert.rejects(corom.embed([5]), { code: "INVALID_ARGUMENT" }),
        () => corom.embed(few(), { signal: AbortSignal.abort() }).catch(({ name }) => assert.equal(name, "AbortError")),
      ];
      const some = async (count) => {
        for (let i = 0; i < count; i += 5) {
          const batch = Array.from({ length: 5 }, () => calls[Math.floor(next() * calls.length)]());
          await Promise.all(batch.map((call) => call.catch(({ name }) => assert.equal(name, "AbortError"))));
        }
      };
      await some(1000);
      const memory = corom.info.wasmMemory;
      let left = 10_000;
      await holdsMemory(20, async () => {
        await some(2000);
        left -= 2000;
      });
      await some(left);
      assert.equal(corom.info.wasmMemory, memory, "WebAssembly memory is flat");
      corom.free();
    });
  });
}
