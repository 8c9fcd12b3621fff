// How `device: "auto"` measures the CPU and the GPU (pace.js): short lists, long parts, samples that mislead.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Choices } from "../../pkg/lib/device/choices.js";
import { DeviceRerankEngine } from "../../pkg/lib/device/engine.js";
import { Pace } from "../../pkg/lib/device/pace.js";
import { FakeEngine, NUMBERS, TEXTS, auto, failed, firstsOf, onGpu, turn } from "./support/fake-devices.mjs";

const SHORT = TEXTS.slice(0, 20);
/** Reranks 50 pairs as reranker.js does. */
async function rerank50(engine) {
  for (const [from, to] of [[0, 5], [5, 15], [15, 35], [35, 50]]) {
    const { logits } = await engine.rerank("q", TEXTS.slice(from, to));
    assert.deepEqual([...logits], NUMBERS.slice(from, to));
  }
}

describe("short lists", () => {
  test("end the trials, and a slower GPU gets no more of them", async (t) => {
    const { engine, gpu, clock } = auto(t, { cpuMs: 5, gpuMs: 0, gpuCallMs: 300 });
    for (let i = 0; i < 25; i++) await engine.embed(SHORT);
    const [began, parts] = [clock(), gpu.parts.length];
    assert.ok(parts > 0 && parts <= 4, `${gpu.parts}`);
    for (let i = 0; i < 100; i++) await engine.embed(SHORT);
    // The GPU may be asked again now and then, in case that it has become faster.
    assert.ok(clock() - began <= 1.1 * 100 * 100, `${clock() - began} ms`);
  });

  test("go to a GPU that is faster", async (t) => {
    const { engine, gpu } = auto(t, { cpuMs: 5, gpuMs: 1, gpuCallMs: 5 });
    for (let i = 0; i < 30; i++) await engine.embed(SHORT);
    const before = gpu.parts.length;
    for (let i = 0; i < 10; i++) assert.deepEqual(firstsOf(await engine.embed(SHORT)), NUMBERS.slice(0, 20));
    assert.equal(gpu.parts.length, before + 10);
    assert.equal(engine.info.device, "webgpu");
  });

  test("of a reranker end the trials, and what was learned is passed on", async (t) => {
    const { devices, gpu, learned, clock } = auto(t, { cpuMs: 20, gpuMs: 0, gpuCallMs: 4000 });
    const engine = new DeviceRerankEngine(devices);
    for (let i = 0; i < 6; i++) await rerank50(engine);
    assert.ok(gpu.parts.length <= 4, `${gpu.parts}`);
    assert.ok(learned.length > 0);
    const began = clock();
    await rerank50(engine);
    assert.equal(clock() - began, 1000);
  });

  test("do not free a GPU that is faster for long lists", async (t) => {
    const { engine, gpu, learned } = auto(t, { cpuMs: 5, gpuMs: 1, gpuCallMs: 200 });
    for (let i = 0; i < 40; i++) await engine.embed(SHORT);
    assert.equal(gpu.freed, 0);
    const pace = new Pace();
    assert.equal(pace.restore(learned.at(-1)), true);
    assert.deepEqual([pace.stage, pace.isGpuUseless], [1, false]);
    await engine.embed(TEXTS.slice(0, 256));
    await engine.embed(TEXTS.slice(0, 256));
    assert.deepEqual([gpu.parts.at(-1), engine.info.device], [256, "webgpu"]);
  });

  test("leave the decision to a long list", async (t) => {
    const { engine, gpu, learned } = auto(t, { cpuMs: 5, gpuMs: 10, gpuCallMs: 0 });
    for (let i = 0; i < 40; i++) await engine.embed(SHORT);
    assert.equal(gpu.freed, 0);
    await engine.embed(TEXTS);
    assert.deepEqual([gpu.freed, gpu.parts.at(-1), learned.at(-1).isComplete], [1, 64, true]);
  });
});

test("compares at the size of the parts that the GPU gets", async (t) => {
  const { engine, cpu, gpu } = auto(t, { cpuMs: 5, gpuMs: 2, gpuCallMs: 200 });
  await engine.embed([...TEXTS, ...TEXTS]);
  assert.equal(gpu.freed, 0);
  assert.ok(gpu.parts.includes(256), `${gpu.parts}`);
  await engine.embed(SHORT);
  assert.equal(cpu.parts.at(-1), 20);
});

describe("samples that mislead", () => {
  test("one part during which the computer slept changes no choice", async (t) => {
    const { engine, gpu, clock } = auto(t, { cpuMs: 50, gpuMs: 8 });
    await engine.embed([...TEXTS, ...TEXTS]);
    const { work } = gpu;
    gpu.work = async (...args) => (await work(...args), clock(3_600_000));
    await engine.embed(TEXTS.slice(0, 256));
    gpu.work = work;
    const before = gpu.parts.length;
    await engine.embed(TEXTS.slice(0, 256));
    assert.deepEqual(gpu.parts.slice(before), [256]);
  });

  test("a GPU that was busy for a while is used again", async (t) => {
    const { engine, gpu, clock } = auto(t, { cpuMs: 5, gpuMs: 1 });
    await engine.embed([...TEXTS, ...TEXTS]);
    const { work } = gpu;
    gpu.work = async (texts, signal) => (await work(texts, signal), clock(10 * texts.length));
    for (let i = 0; i < 5; i++) await engine.embed(TEXTS);
    assert.equal(gpu.freed, 0);
    const busy = gpu.parts.length;
    await engine.embed(TEXTS);
    assert.equal(gpu.parts.length, busy, "the CPU is the faster one meanwhile");
    gpu.work = work;
    for (let i = 0; i < 120; i++) await engine.embed(TEXTS);
    const before = gpu.parts.length;
    await engine.embed(TEXTS.slice(0, 256));
    assert.deepEqual(gpu.parts.slice(before), [256]);
  });

  test("the CPU is not measured while the GPU's model is loaded", async (t) => {
    let loaded;
    const whileLoading = new Promise((resolve) => (loaded = resolve));
    const { engine, cpu, gpu, learned, clock } = auto(t, { cpuMs: 10, gpuMs: 11, gpuCallMs: 0, whileLoading });
    const { work } = cpu;
    cpu.work = async (texts, signal) => (await work(texts, signal), clock(40 * texts.length));
    await engine.embed(TEXTS.slice(0, 300));
    assert.deepEqual(gpu.parts, []);
    cpu.work = work;
    loaded();
    await turn();
    await engine.embed(TEXTS);
    assert.deepEqual([gpu.parts, gpu.freed, learned.length], [[8, 64], 1, 1]);
  });
});

test("a stored choice is made anew after 30 days", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_700_000_000_000 });
  const stored = new Map();
  const cache = { deviceChoice: async (key) => stored.get(key), storeDeviceChoice: async (key, bytes) => void stored.set(key, bytes) };
  const choices = new Choices(cache, { found: { id: "a" }, engine: new FakeEngine("wasm") });
  await choices.store(1, 2);
  const day = 24 * 3600 * 1000;
  t.mock.timers.tick(30 * day);
  assert.deepEqual(await choices.read(), { pace: 1, variants: 2 });
  t.mock.timers.tick(1);
  assert.equal(await choices.read(), undefined);
  t.mock.timers.setTime(1_700_000_000_000 - day);
  assert.equal(await choices.read(), undefined, "of the future");
});

describe("numbers of one device", () => {
  test("the query of a call is embedded once, also if the document's portions change the device", async (t) => {
    const { engine, cpu, gpu } = auto(t, { cpuMs: 50, gpuMs: 1, gpuCallMs: 0 });
    const query = () => ({ text: "title 7" }); // each portion in a worker has a copy
    for (const texts of [TEXTS, TEXTS, TEXTS]) await engine.score(query(), { texts }, "dot");
    const singles = [...cpu.parts, ...gpu.parts].filter((count) => count === 1);
    assert.deepEqual([singles, gpu.parts.includes(256)], [[1], true]);
    await engine.score({ text: "title 8" }, { texts: SHORT }, "dot");
    assert.equal([...cpu.parts, ...gpu.parts].filter((count) => count === 1).length, 2);
  });

  test("a query's vector of a GPU that has failed is not used again", async () => {
    const gpu = new FakeEngine("webgpu", { fail: (count) => (count === 2 ? failed() : undefined) });
    const cpu = new FakeEngine("wasm");
    const { engine } = onGpu({ gpu, loads: [cpu] });
    for (let i = 0; i < 2; i++) await engine.score({ text: "title 1" }, { texts: SHORT }, "dot");
    assert.deepEqual([gpu.parts, cpu.parts], [[1, 20], [20, 1, 20]]);
  });

  test("one device scores all pairs of a call, and the other one is only measured", async (t) => {
    const { devices, gpu } = auto(t, { cpuMs: 50, gpuMs: 1, gpuCallMs: 5 });
    const engine = new DeviceRerankEngine(devices);
    const devicesOf = [];
    for (let id = 1; id <= 20; id++) {
      const used = new Set();
      for (const [from, to] of [[0, 5], [5, 15], [15, 35], [35, 50]]) {
        const { scores } = await engine.rerank("q", TEXTS.slice(from, to), { call: { id, pairs: 50 } });
        scores.forEach((score) => used.add(score));
      }
      devicesOf.push([...used].join());
    }
    assert.ok(devicesOf.every((devices) => devices === "0" || devices === "1"), devicesOf.join(" "));
    assert.deepEqual([devicesOf[0], devicesOf.at(-1)], ["0", "1"]);
    assert.ok(gpu.parts.includes(8));
  });

  test("the CPU scores the rest of a call whose GPU fails", async () => {
    const gpu = new FakeEngine("webgpu", { fail: (count) => (count === 2 ? failed() : undefined) });
    const { devices } = onGpu({ gpu });
    const engine = new DeviceRerankEngine(devices);
    for (const [from, to] of [[0, 5], [5, 15], [15, 35]]) {
      const { logits } = await engine.rerank("q", TEXTS.slice(from, to), { call: { id: 1, pairs: 35 } });
      assert.deepEqual([...logits], NUMBERS.slice(from, to));
    }
    assert.deepEqual([gpu.parts, devices.current], [[5, 10], "wasm"]);
  });
});
