// `device: "auto"` and "webgpu" with engines of the test: the choice between CPU and GPU, and the change to the CPU when the
// GPU fails.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceRerankEngine } from "../../pkg/lib/device/engine.js";
import { Pace } from "../../pkg/lib/device/pace.js";
import { CoromError } from "../../pkg/lib/errors.js";
import { PoolEngine } from "../../pkg/lib/worker/pool-engine.js";
import { Pool } from "../../pkg/lib/worker/pool.js";
import { FakeEngine, NUMBERS, TEXTS, auto, devicesIn, failed, firstsOf, onGpu, rejectsWith, turn } from "./support/fake-devices.mjs";
import { collectGarbage } from "./support/leaks.mjs";

describe('device: "webgpu"', () => {
  test("runs calls on the GPU as a whole, and says so in info", async () => {
    const gpu = new FakeEngine("webgpu");
    const { engine, asked, warnings } = onGpu({ gpu });
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [1]);
    assert.deepEqual([gpu.parts, asked, warnings], [[700], [], []]);
    const { device, gpu: name, fallback, backend, wasmMemory } = engine.info;
    assert.deepEqual([device, name, fallback, backend, wasmMemory], ["webgpu", "a GPU", undefined, "webgpu", 100]);
  });

  test("finishes a call on the CPU when the GPU fails, with progress that never goes back", async () => {
    const gpu = new FakeEngine("webgpu", { fail: () => failed() });
    const cpu = new FakeEngine("wasm");
    const { engine, asked, warnings } = onGpu({ gpu, loads: [cpu] });
    const done = [];
    const result = await engine.embed(TEXTS, undefined, { onDone: (count) => done.push(count) });
    assert.deepEqual([firstsOf(result), devicesIn(result)], [NUMBERS, [0]]);
    assert.deepEqual([gpu.freed, asked, done], [1, ["wasm"], [350]]);
    const [[code, message, cause]] = warnings;
    assert.deepEqual([warnings.length, code, cause.code], [1, "GPU_FALLBACK", "GPU_FAILED"]);
    assert.match(message, /the CPU goes on without the GPU: the device is lost/);
    const { device, fallback, backend } = engine.info;
    assert.deepEqual([device, fallback, backend], ["wasm", "the device is lost", "wasm"]);
    await engine.embed(TEXTS.slice(0, 3));
    assert.deepEqual([cpu.parts, asked], [[700, 3], ["wasm"]], "the GPU is not tried again");
  });

  test("takes a crash of the GPU's instance for a failure of the GPU, and other errors for what they are", async () => {
    const other = new CoromError("INVALID_ARGUMENT", "no");
    const { engine, asked } = onGpu({ gpu: new FakeEngine("webgpu", { fail: () => other }) });
    assert.equal(await rejectsWith("INVALID_ARGUMENT", engine.embed(TEXTS)), other);
    assert.deepEqual(asked, []);
    const crashing = new FakeEngine("webgpu", {
      fail() {
        this.isAlive = false;
        return new CoromError("INTERNAL", "corom crashed");
      },
    });
    const after = onGpu({ gpu: crashing });
    assert.deepEqual(devicesIn(await after.engine.embed(TEXTS)), [0]);
    assert.equal(after.engine.info.fallback, "corom crashed");
  });

  test("takes results that are not finite for a failure of the GPU, unless the CPU has them too", async () => {
    for (const code of ["INVALID_MODEL", "OUT_OF_MEMORY", "INTERNAL"]) {
      const fail = () => new CoromError(code, "the model returns NaN");
      const { engine } = onGpu({ gpu: new FakeEngine("webgpu", { fail }) });
      assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
      const both = onGpu({ gpu: new FakeEngine("webgpu", { fail }), loads: [new FakeEngine("wasm", { fail })] });
      await rejectsWith(code, both.engine.embed(TEXTS));
    }
  });

  test("rejects with both reasons when the CPU cannot take over, and tries the CPU again in the next call", async () => {
    const lost = new CoromError("FETCH_FAILED", "no network");
    const loads = [lost, new FakeEngine("wasm")];
    const { engine, warnings } = onGpu({ gpu: new FakeEngine("webgpu", { fail: () => failed() }), loads });
    const error = await rejectsWith("GPU_FAILED", engine.embed(TEXTS), "the device is lost", "no network");
    assert.equal(error.cause, lost);
    assert.equal(await engine.tokenize("a"), "webgpu", "the instance of the GPU still has the tokenizer");
    assert.equal(warnings.length, 0);
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
    assert.equal(warnings.length, 1);
  });

  test("passes on what onProgress throws while the CPU's model is loaded", async () => {
    const thrown = new Error("mine");
    const { engine } = onGpu({ gpu: new FakeEngine("webgpu", { fail: () => failed() }), loads: [thrown] });
    await assert.rejects(engine.embed(TEXTS), (error) => error === thrown);
  });

  test("uses the GPU once more after a lost device, and never after two failures", async () => {
    const gpu = new FakeEngine("webgpu", { fail: () => failed() });
    gpu.isDeviceLost = true;
    const again = new FakeEngine("webgpu", { fail: (count) => (count === 2 ? failed("lost again") : undefined) });
    again.isDeviceLost = true;
    const { engine, asked, warnings } = onGpu({ gpu, loads: [new FakeEngine("wasm"), again] });
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0], "the CPU computes while the GPU's model is loaded");
    await turn();
    assert.deepEqual([engine.info.device, engine.info.fallback], ["webgpu", undefined]);
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [1]);
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
    for (let i = 0; i < 3; i++) await engine.embed(TEXTS);
    assert.deepEqual([asked, warnings.length, engine.info.fallback], [["wasm", "webgpu"], 2, "lost again"]);
  });

  test("waits for the report of a lost device, which follows the failure, but not without end", async () => {
    for (const isLost of [true, false]) {
      const gpu = new FakeEngine("webgpu", { fail: () => failed() });
      gpu.isDeviceLost = false;
      const { engine, asked } = onGpu({ gpu, loads: [new FakeEngine("wasm"), new FakeEngine("webgpu")] });
      if (isLost) setTimeout(() => (gpu.isDeviceLost = true), 25);
      assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
      await engine.embed(TEXTS);
      await turn();
      assert.deepEqual([asked, gpu.freed], [isLost ? ["wasm", "webgpu"] : ["wasm"], 1]);
    }
  });

  test("reports a failure in the next call if the first one is aborted while it waits for that report", async () => {
    const gpu = new FakeEngine("webgpu", { fail: () => failed() });
    gpu.isDeviceLost = false;
    const { engine, devices, warnings } = onGpu({ gpu });
    const signal = AbortSignal.timeout(50);
    await assert.rejects(engine.embed(TEXTS, undefined, { signal }), { name: "TimeoutError" });
    assert.deepEqual([warnings.length, gpu.freed], [0, 0]);
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
    assert.deepEqual([warnings.length, gpu.freed, devices.failures], [1, 1, 1]);
  });

  test("loads nothing more after free", async (t) => {
    const { engine, devices, asked } = onGpu();
    engine.free();
    await rejectsWith("FREED", devices.usable());
    const both = auto(t);
    both.engine.free();
    await rejectsWith("FREED", both.engine.embed(TEXTS));
    assert.deepEqual([asked, both.asked], [[], []]);
  });

  test("ends with FREED whenever in a call it is freed", async (t) => {
    for (let microtasks = 0; microtasks < 8; microtasks++) {
      for (const { engine } of [onGpu(), auto(t)]) {
        const call = rejectsWith("FREED", engine.embed(TEXTS));
        for (let i = 0; i < microtasks; i++) await undefined;
        engine.free();
        await call;
      }
      t.mock.reset();
    }
  });

  test("keeps info after free, as it was", async () => {
    const { engine } = onGpu();
    await engine.embed(TEXTS);
    engine.free();
    engine.free();
    const { device, gpu, fallback, backend, dimension, wasmMemory } = engine.info;
    assert.deepEqual([device, gpu, fallback, backend, dimension, wasmMemory], ["webgpu", "a GPU", undefined, "webgpu", 2, 0]);
  });

  for (const fails of [false, true]) {
    test(`keeps no engine after free, ${fails ? "on the CPU after a failure" : "on the GPU"}`, async () => {
      const freed = async () => {
        const gpu = new FakeEngine("webgpu", { fail: () => (fails ? failed() : undefined) });
        const cpu = new FakeEngine("wasm");
        const { engine } = onGpu({ gpu, loads: fails ? [cpu] : [] });
        await engine.embed(TEXTS);
        engine.free();
        return { engine, engines: [cpu, gpu].map((one) => new WeakRef(one)) };
      };
      const { engine, engines } = await freed();
      await collectGarbage();
      assert.deepEqual([engine.info.device, engines.map((one) => one.deref())], [fails ? "wasm" : "webgpu", [undefined, undefined]]);
    });
  }

  test("leaves vectors to the caller when the GPU's instance has crashed", () => {
    const gpu = new FakeEngine("webgpu");
    const { engine } = onGpu({ gpu });
    gpu.isAlive = false;
    gpu.keep = () => assert.fail("asked");
    assert.equal(engine.keep(1, []), true);
  });

  test("ends with FREED when it is freed during the change, and frees what arrives later", async () => {
    const cpu = new FakeEngine("wasm");
    const gpu = new FakeEngine("webgpu", { fail: () => failed() });
    const { engine, asked } = onGpu({ gpu, loads: [cpu] });
    const call = engine.embed(TEXTS);
    while (asked.length === 0) await turn();
    engine.free();
    await rejectsWith("FREED", call);
    await turn();
    assert.ok(gpu.freed > 0 && cpu.freed > 0 && cpu.parts.length === 0);
    assert.equal(engine.info.wasmMemory, 0);
  });

  test("rejects an aborted call at once during the change, and the load serves the next call", async () => {
    const { engine, asked } = onGpu({ gpu: new FakeEngine("webgpu", { fail: () => failed() }) });
    const controller = new AbortController();
    const call = engine.embed(TEXTS, undefined, { signal: controller.signal });
    while (asked.length === 0) await turn();
    controller.abort(new Error("no longer wanted"));
    await assert.rejects(call, /no longer wanted/);
    assert.deepEqual(devicesIn(await engine.embed(TEXTS)), [0]);
    assert.deepEqual(asked, ["wasm"]);
  });

  test("an abort on the GPU is no failure", async () => {
    const controller = new AbortController();
    const gpu = new FakeEngine("webgpu", { work: () => controller.abort(new Error("stop")) });
    const { engine, asked } = onGpu({ gpu });
    await assert.rejects(engine.embed(TEXTS, undefined, { signal: controller.signal }), /stop/);
    assert.deepEqual([asked, gpu.freed], [[], 0]);
  });

  test("a failure that arrives after an abort changes nothing for the aborted call", async () => {
    const controller = new AbortController();
    const fail = () => (controller.abort(new Error("stop")), failed());
    const { engine, asked } = onGpu({ gpu: new FakeEngine("webgpu", { fail }) });
    // The engine itself does not look at the signal here, as a driver does not.
    const gpuOnly = engine.embed(TEXTS, undefined, { signal: controller.signal });
    await assert.rejects(gpuOnly, /stop/);
    assert.deepEqual(asked, []);
  });

  test("answers tokenize and order on the CPU after a crash of the GPU's instance", async () => {
    const gpu = new FakeEngine("webgpu");
    const { engine, asked } = onGpu({ gpu });
    assert.equal(await engine.tokenize("a"), "webgpu");
    gpu.isAlive = false;
    assert.deepEqual([await engine.tokenize("a"), await engine.order()], ["wasm", "wasm"]);
    assert.deepEqual(asked, ["wasm"]);
  });

  test("scores with kept vectors after the change: the caller keeps them", async () => {
    const { engine } = onGpu({ gpu: new FakeEngine("webgpu", { fail: (count) => (count > 1 ? failed() : undefined) }) });
    const kept = { id: 1, at: 0 };
    const vectors = Float32Array.of(3, 0);
    assert.equal(engine.keep(1, [{ kept, vectors }]), true);
    assert.deepEqual([...(await engine.score({ text: "title 4" }, { kept, vectors }, "dot"))], [7]);
    assert.equal(await engine.score({ text: "title 5" }, { kept }, "dot"), undefined, "on the CPU they are not there yet");
    assert.deepEqual([...(await engine.score({ text: "title 4" }, { vectors }, "dot"))], [7]);
    assert.equal(engine.keep(2, []), false, "the CPU's instance stays");
  });

  test("scores texts, and asks the arguments of an empty list without a change", async () => {
    const { engine, asked } = onGpu();
    assert.deepEqual([...(await engine.score({ text: "title 1" }, { texts: ["title 2", "title 3"] }, "dot"))], [3, 4]);
    assert.equal((await engine.embed([])).data.length, 0);
    assert.deepEqual(asked, []);
  });

  test("reranks: the scores of a failed portion come from the CPU", async () => {
    const gpu = new FakeEngine("webgpu", { fail: () => failed() });
    const { devices } = onGpu({ gpu });
    const { logits, scores } = await new DeviceRerankEngine(devices).rerank("q", TEXTS);
    assert.deepEqual([...logits], NUMBERS);
    assert.equal(scores.length, TEXTS.length);
  });
});

test("info of several workers is that of the first one that does without its GPU", () => {
  const onGpu = { device: "webgpu", fallback: undefined, simd: "plain" };
  const onCpu = { device: "wasm", fallback: "the device is lost", simd: "relaxed" };
  const workers = [{ live: onGpu }, { live: onGpu }, { live: onCpu }];
  const { info } = new PoolEngine({ pool: new Pool(workers), info: onGpu });
  assert.deepEqual([info.device, info.fallback, info.simd], Object.values(onCpu));
  workers[2].live = onGpu;
  assert.deepEqual([info.device, info.fallback, info.simd], Object.values(onGpu));
});

describe('device: "auto"', () => {
  test("leaves single texts and short lists on the CPU, and loads nothing for them", async (t) => {
    const { engine, cpu, asked } = auto(t);
    for (let i = 0; i < 100; i++) await engine.embed(["title 1"]);
    for (let i = 0; i < 20; i++) await engine.embed(TEXTS.slice(0, 7));
    assert.deepEqual([asked, cpu.parts.length, engine.info.device], [[], 120, "wasm"]);
  });

  test("loads the model for the GPU when a long list comes, measures both, and takes the faster one", async (t) => {
    const { engine, cpu, gpu, asked, learned, warnings } = auto(t);
    const result = await engine.embed(TEXTS);
    assert.deepEqual(firstsOf(result), NUMBERS);
    assert.deepEqual([asked, learned.length, warnings], [["webgpu"], 1, []]);
    assert.deepEqual(gpu.parts.slice(0, 2), [8, 64], "few texts first");
    assert.ok(cpu.parts.length <= 2 && gpu.parts[2] === 256, `${cpu.parts} and ${gpu.parts}`);
    assert.deepEqual([engine.info.device, engine.info.fallback], ["webgpu", undefined]);
  });

  test("sends one text to the CPU and a list to the GPU, if a call of the GPU takes longer than one text", async (t) => {
    const { engine, cpu, gpu } = auto(t, { cpuMs: 20, gpuMs: 1, gpuCallMs: 40 });
    await engine.embed(TEXTS);
    const [onCpu, onGpu] = [cpu.parts.length, gpu.parts.length];
    await engine.embed(["title 1"]);
    assert.deepEqual([cpu.parts.length, gpu.parts.length], [onCpu + 1, onGpu]);
    await engine.embed(TEXTS.slice(0, 100));
    assert.deepEqual([cpu.parts.length, gpu.parts.at(-1)], [onCpu + 1, 100]);
  });

  for (const gpuMs of [0.2, 1, 10, 60, 400]) {
    test(`takes at most a tenth longer than the better device, with ${gpuMs} ms per text on the GPU`, async (t) => {
      const texts = Array.from({ length: 20 }, () => TEXTS).flat();
      const { engine, clock } = auto(t, { cpuMs: 50, gpuMs });
      for (let at = 0; at < texts.length; at += 1000) await engine.embed(texts.slice(at, at + 1000));
      const best = Math.min(50, gpuMs) * texts.length + 1000 + 5 * texts.length / 256;
      // What the CPU computes before the GPU is ready, and the trials, count once.
      const once = 64 * 50 + 72 * gpuMs + 2000;
      assert.ok(clock() - 1000 <= 1.1 * best + once, `${clock() - 1000} ms, ${best} ms alone`);
    });
  }

  test("frees a GPU that is no faster, and says why the CPU runs the model", async (t) => {
    const { engine, gpu, learned } = auto(t, { gpuMs: 60 });
    await engine.embed(TEXTS);
    assert.deepEqual([gpu.freed, gpu.parts, learned.length], [1, [8, 64], 1]);
    assert.match(engine.info.fallback, /the CPU is at least as fast as the GPU \(a GPU\)/);
    assert.equal(engine.info.device, "wasm");
    const before = gpu.parts.length;
    assert.deepEqual(firstsOf(await engine.embed(TEXTS)), NUMBERS);
    assert.equal(gpu.parts.length, before);
  });

  test("uses what another visit has learned", async (t) => {
    const first = auto(t);
    await first.engine.embed(TEXTS);
    const pace = new Pace();
    assert.equal(pace.restore(first.learned[0]), true);
    assert.deepEqual([pace.isKnown, pace.isGpuFaster], [true, true]);
    t.mock.reset();
    const { engine, cpu, gpu, learned } = auto(t, { pace });
    await engine.embed(TEXTS);
    assert.deepEqual([gpu.parts[0], learned], [256, []], "no trials");
    assert.ok(cpu.parts.length <= 2);
    for (const wrong of [undefined, null, {}, { samples: {} }, { samples: { wasm: [], webgpu: [] } }, { samples: { wasm: [[1, { size: 1, ms: "a" }]], webgpu: [[1, {}]] } }]) {
      assert.equal(new Pace().restore(wrong), false, JSON.stringify(wrong));
    }
  });

  test("a load for the GPU that fails is reported once, and no call fails", async (t) => {
    const { engine, warnings, asked } = auto(t, { loaded: { error: failed("no memory") } });
    for (let i = 0; i < 3; i++) assert.deepEqual(firstsOf(await engine.embed(TEXTS)), NUMBERS);
    assert.deepEqual([asked, warnings.length, engine.info.fallback], [["webgpu"], 1, "no memory"]);
    assert.equal(warnings[0][2].code, "GPU_FAILED");
  });

  test("a failure on the GPU repeats only the failed part on the CPU", async (t) => {
    const { engine, gpu, cpu, warnings } = auto(t, { loaded: { fail: (count) => (count === 3 ? failed() : undefined) } });
    assert.deepEqual(firstsOf(await engine.embed(TEXTS)), NUMBERS);
    assert.deepEqual([gpu.parts, gpu.freed, warnings.length], [[8, 64, 256], 1, 1]);
    assert.deepEqual(cpu.parts.slice(0, 3), [64, 64, 256]);
  });

  test("reranks in parts, too", async (t) => {
    const { devices, gpu } = auto(t);
    const { logits, scores } = await new DeviceRerankEngine(devices).rerank("q", TEXTS);
    assert.deepEqual([[...logits], scores.length], [NUMBERS, TEXTS.length]);
    assert.ok(gpu.parts.length >= 3);
  });

  test("reports no memory after a crash on the CPU, so that a worker is replaced", async (t) => {
    const { engine, cpu } = auto(t);
    await engine.embed(TEXTS);
    assert.equal(engine.info.wasmMemory, 200);
    cpu.isAlive = false;
    assert.equal(engine.info.wasmMemory, 0);
  });

  test("never asks for the GPU's model if there is a reason against it", async (t) => {
    const { engine, asked, cpu } = auto(t, { fallback: "the processor emulates the GPU" });
    await engine.embed(TEXTS);
    assert.deepEqual([asked, cpu.parts, engine.info.fallback], [[], [700], "the processor emulates the GPU"]);
  });

  test("the error of a part names the text's index in the whole list", async (t) => {
    const { engine, cpu } = auto(t);
    cpu.fail = () => new CoromError("INVALID_ARGUMENT", "text 3: too long");
    cpu.parts.push(1);
    const { engine: other, gpu } = auto(t, { loaded: { fail: (count) => (count === 2 ? new CoromError("INVALID_ARGUMENT", "text 3: too long") : undefined) } });
    await rejectsWith("INVALID_ARGUMENT", engine.embed(TEXTS), "text 3:");
    await rejectsWith("INVALID_ARGUMENT", other.embed(TEXTS), `text ${2 * 64 + 8 + 3}:`);
    assert.equal(gpu.freed, 0);
  });
});
