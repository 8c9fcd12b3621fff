// Aborts at many moments of a load and of a call: the abort's reason each time, nothing left in memory, and the next load
// or call works.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sentenceEmbedding } from "corom/modelscope";
import { Corom, assertClose, random } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { countMemories, untilMemories } from "./support/leaks.mjs";
import { EXACT, MODEL, loadsRight, withFolder } from "./support/loading.mjs";

const MOMENTS = 50;
let server;
before(async () => (server = await faultServer(MODEL.files, () => ({ slow: 1 }))));
after(() => server.close());

/** Loads, and aborts in the progress event for which `isMoment(event, count)` is true. */
async function abortsAt(isMoment, options) {
  const controller = new AbortController();
  let count = 0;
  const onProgress = (event) => isMoment(event, count++) && controller.abort();
  await assert.rejects(Corom.load(server.address, { ...options, signal: controller.signal, onProgress }), {
    name: "AbortError",
  });
}

describe("Corom.load", () => {
  test(`rejects with AbortError at ${MOMENTS} progress events of every phase, and frees its memory`, async () => {
    const next = random(31);
    await withFolder(async (cacheDir) => {
      const { length } = (await loadsRight(server.address)).filter(({ phase }) => phase === "download");
      assert.ok(length > 40, `${length} events`);
      await loadsRight(server.address, { cacheDir });
      await untilMemories(0);
      const { created } = await countMemories();
      for (let i = 0; i < MOMENTS; i++) {
        const options = i % 2 ? { cacheDir } : {};
        const moment = Math.floor(next() * length * 0.8); // the next load may report fewer events
        const moments = [
          (_, count) => count === moment,
          ({ phase }) => phase === "pack",
          ({ phase }) => phase === "self-test",
          ({ phase }) => phase === (options.cacheDir ? "verify" : "download"),
        ];
        // A load from the cache has too few events for a random one.
        await abortsAt(options.cacheDir ? moments[1 + (i % 3)] : moments[i % 8 < 5 ? 0 : i % 3], options);
        if (i % 10 === 9) await loadsRight(server.address, options);
      }
      assert.ok((await countMemories()).created >= created + MOMENTS / 2, "most aborts came after WebAssembly started");
      await untilMemories(0);
    });
  });

  test(`rejects with the signal's reason at ${MOMENTS} random times, also several loads at once`, async () => {
    const next = random(32);
    const wholes = [];
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      (await Corom.load(server.address)).free();
      wholes.push(performance.now() - started);
    }
    // One time in each of MOMENTS equal parts of 80 % of a load, mixed by a step that MOMENTS has no factor with.
    const part = (Math.min(...wholes) * 0.8) / MOMENTS;
    const times = Array.from({ length: MOMENTS }, (_, i) => Math.round((((i * 7) % MOMENTS) + next()) * part));
    let aborted = 0;
    const load = async (time) => {
      try {
        (await Corom.load(server.address, { signal: AbortSignal.timeout(time) })).free();
      } catch (error) {
        assert.equal(error.name, "TimeoutError", error.stack);
        aborted++;
      }
    };
    while (times.length > 0) await Promise.all(times.splice(0, 5).map(load));
    assert.ok(aborted >= MOMENTS / 4, `only ${aborted} of ${MOMENTS} loads were aborted`);
    await loadsRight(server.address);
    await untilMemories(0);
  });
});

describe("embed, score, rank and pipeline", () => {
  test(`reject with AbortError at ${MOMENTS} turns of the event loop, and leave WebAssembly's memory as it was`, async () => {
    const next = random(33);
    const corom = await Corom.load(server.address, EXACT);
    const many = Array.from({ length: 2000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
    const calls = [
      (options) => corom.embed(many, options),
      (options) => corom.score("阔腿裤", many, options),
      (options) => corom.rank("阔腿裤", many, options),
      (options) => sentenceEmbedding(corom)({ source_sentence: many }, options),
    ];
    /** Counts the turns of the event loop until `call` is settled, and aborts it in turn `abortAt`. */
    const turnsOf = async (call, abortAt = Infinity) => {
      const controller = new AbortController();
      let turns = 0;
      let isSettled = false;
      const settled = call({ signal: controller.signal }).finally(() => (isSettled = true));
      const turn = () => {
        if (isSettled) return;
        if (turns++ === abortAt) controller.abort();
        setImmediate(turn);
      };
      setImmediate(turn);
      await settled;
      return turns;
    };
    const whole = [];
    for (const call of calls) whole.push(await turnsOf(call));
    assert.ok(whole.every((turns) => turns >= 4), `turns of whole calls: ${whole}`);
    const memory = corom.info.wasmMemory;
    for (let i = 0; i < MOMENTS; i++) {
      const at = i % calls.length;
      await assert.rejects(turnsOf(calls[at], Math.floor(next() * whole[at] * 0.5)), { name: "AbortError" });
      assertClose((await corom.embed(MODEL.texts)).data, MODEL.vectors.flat(), MODEL.tolerance);
    }
    assert.equal(corom.info.wasmMemory, memory);
    corom.free();
  });
});
