// Aborts at random moments of a load and of a call: AbortError each time, no memory kept, and the next one works.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Corom, assertClose, random } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { EXACT, MODEL, loadsRight, withFolder } from "./support/loading.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const MOMENTS = 50;
let server;
before(async () => (server = await faultServer(MODEL.files, () => ({ slow: 1 }))));
after(() => server.close());

/** MiB that the process holds, after what is garbage has gone. */
async function held() {
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().rss / 2 ** 20;
}

/** Aborts in an event that `now(event, count)` chooses. */
async function abortedAt(now, options) {
  const controller = new AbortController();
  let count = 0;
  const onProgress = (event) => now(event, count++) && controller.abort();
  await assert.rejects(Corom.load(server.address, { ...options, signal: controller.signal, onProgress }), {
    name: "AbortError",
  });
}

test(`a load, aborted at ${MOMENTS} moments: download, verify, pack, self-test`, async () => {
  const next = random(31);
  await withFolder(async (cacheDir) => {
    const { length } = (await loadsRight(server.address)).filter(({ phase }) => phase === "download");
    assert.ok(length > 40, `${length} events`);
    await loadsRight(server.address, { cacheDir });
    const run = async (count) => {
      for (let i = 0; i < count; i++) {
        const options = i % 2 ? { cacheDir } : {};
        const moment = Math.floor(next() * length * 0.8); // fewer events may come the next time
        const moments = [
          (_, count) => count === moment,
          ({ phase }) => phase === "pack",
          ({ phase }) => phase === "self-test",
          ({ phase }) => phase === (options.cacheDir ? "verify" : "download"),
        ];
        // With a cache there are few events.
        await abortedAt(options.cacheDir ? moments[1 + (i % 3)] : moments[i % 8 < 5 ? 0 : i % 3], options);
        if (i % 10 === 9) await loadsRight(server.address, options);
      }
    };
    await run(10);
    const before = await held();
    await run(MOMENTS);
    const grown = (await held()) - before;
    assert.ok(grown < 60, `${grown.toFixed(1)} MiB more after ${MOMENTS} aborts`);
  });
});

test(`a load, aborted at ${MOMENTS} points in time`, async () => {
  const next = random(32);
  const started = performance.now();
  await loadsRight(server.address);
  const whole = performance.now() - started;
  let aborted = 0;
  const times = Array.from({ length: MOMENTS }, () => Math.round(next() * whole * 0.8));
  const run = async (time) => {
    const signal = AbortSignal.timeout(time);
    await Corom.load(server.address, { signal }).then(
      (corom) => corom.free(),
      (error) => {
        assert.equal(error.name, "TimeoutError", error.stack);
        aborted++;
      },
    );
  };
  while (times.length > 0) await Promise.all(times.splice(0, 5).map(run));
  assert.ok(aborted > MOMENTS / 3, `${aborted} of ${MOMENTS}`);
  await loadsRight(server.address);
});

test(`a call, aborted at ${MOMENTS} moments`, async () => {
  const next = random(33);
  const corom = await Corom.load(server.address, EXACT);
  const many = Array.from({ length: 2000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
  const calls = [
    (options) => corom.embed(many, options),
    (options) => corom.score("阔腿裤", many, options),
    (options) => corom.rank("阔腿裤", many, options),
    (options) => corom.pipeline({ source_sentence: many }, options),
  ];
  const started = performance.now();
  for (const call of calls) await call({});
  const whole = (performance.now() - started) / calls.length;
  const memory = corom.info.wasmMemory;
  for (let i = 0; i < MOMENTS; i++) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), next() * whole * 0.5);
    await assert.rejects(calls[i % calls.length]({ signal: controller.signal }), { name: "AbortError" });
    clearTimeout(timer);
    assertClose((await corom.embed(MODEL.texts)).data, MODEL.vectors.flat(), MODEL.tolerance);
  }
  assert.equal(corom.info.wasmMemory, memory, "the instance's memory");
  corom.free();
});
