// Loads with `device: "auto"` and "webgpu" with GPUs of the test: finding a GPU, reasons against it, what is kept.
import assert from "node:assert/strict";
import { register } from "node:module";
import { describe, test } from "node:test";
import { devicesOf, findGpu } from "../../pkg/lib/device/adapter.js";
import { Choices } from "../../pkg/lib/device/choices.js";
import { DeviceEngine, DeviceRerankEngine } from "../../pkg/lib/device/engine.js";
import { GpuHistory, markLoss } from "../../pkg/lib/device/history.js";
import { loadOnDevice } from "../../pkg/lib/device/load.js";
import { Pace, sizeOf } from "../../pkg/lib/device/pace.js";
import { CoromError } from "../../pkg/lib/errors.js";
import { gpu } from "../../pkg/lib/host-node.js";
import { memoryStore } from "./support/memory-store.mjs";
import { FakeEngine, TEXTS, failed, rejectsWith, turn, until } from "./support/fake-devices.mjs";

const INFO = { vendor: "acme", architecture: "rdna-9", device: "", description: "" };
const gpuOf = (adapter) => ({ requestAdapter: async () => adapter });
const hostOf = (adapter, more) => ({ binaries: { gpu: () => {} }, gpu: () => gpuOf(adapter), ...more });

describe("findGpu", () => {
  test("names the GPU, and detects one that the processor emulates", async () => {
    const found = await findGpu(hostOf({ info: INFO }));
    assert.deepEqual([found.name, found.isEmulated], ["acme rdna-9", false]);
    for (const adapter of [
      { info: { ...INFO, isFallbackAdapter: true } },
      { info: INFO, isFallbackAdapter: true },
      { info: { ...INFO, vendor: "google", architecture: "swiftshader" } },
      { info: { ...INFO, description: "llvmpipe (LLVM 15.0.6, 256 bits)" } },
      { info: { ...INFO, description: "Microsoft Basic Render Driver" } },
    ]) assert.equal((await findGpu(hostOf(adapter))).isEmulated, true, JSON.stringify(adapter));
    assert.equal((await findGpu(hostOf({}))).name, "GPU", "an adapter without info");
  });

  test("tells GPUs apart by their names, and by their limits where the names are hidden", async () => {
    const ids = [];
    for (const [info, limits] of [[INFO, {}], [{ ...INFO, device: "9070" }, {}], [{}, {}], [{}, { maxBufferSize: 1 }], [{}, { maxBufferSize: 2 }]])
      ids.push((await findGpu(hostOf({ info, limits }))).id);
    assert.equal(new Set(ids).size, 5, ids.join(" "));
  });

  test("names the option advanced.gpu in its reasons", async () => {
    for (const gpu of [gpuOf(null), { requestAdapter: () => Promise.reject(new Error("blocked")) }]) {
      assert.match((await findGpu(hostOf({ info: INFO }), { given: gpu })).reason, /^advanced\.gpu (finds no GPU|cannot be used: blocked)/);
    }
  });

  test("says why there is no GPU, and never throws", async () => {
    const broken = () => Promise.reject(new Error("blocked"));
    for (const [host, reason] of [
      [hostOf(null), /finds no GPU/],
      [{ binaries: { gpu: () => {} } }, /no WebGPU/],
      [hostOf(null, { gpu: () => undefined, gpuAdvice: ": install it" }), /no WebGPU: install it/],
      [{ ...hostOf({ info: INFO }), binaries: {} }, /this entry of corom has no GPU binary/],
      [hostOf(null, { gpu: () => ({ requestAdapter: broken }) }), /blocked/],
      [hostOf(null, { gpu: broken }), /blocked/],
    ]) {
      const found = await findGpu(host);
      assert.equal(found.gpu, undefined);
      assert.match(found.reason, reason);
    }
  });

  test("does not wait for WebGPU without end", async (t) => {
    const silent = { requestAdapter: () => new Promise(() => {}) };
    for (const [isRequired, ms] of [[false, 6000], [true, 60_000]]) {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const finding = findGpu(hostOf(null, { gpu: () => silent }), { isRequired });
      await turn();
      t.mock.timers.tick(ms - 1);
      assert.equal(await Promise.race([finding, turn().then(() => "pending")]), "pending");
      t.mock.timers.tick(1);
      assert.deepEqual(await finding, { reason: "WebGPU does not answer" });
      t.mock.timers.reset();
    }
  });

  test("devices() lists the device first that auto prefers", async () => {
    assert.deepEqual(await devicesOf(hostOf({ info: INFO })), ["webgpu", "wasm"]);
    assert.deepEqual(await devicesOf(hostOf({ info: { ...INFO, isFallbackAdapter: true } })), ["wasm", "webgpu"]);
    assert.deepEqual(await devicesOf(hostOf(null)), ["wasm"]);
  });
});

/** Calls loadOnDevice with engines of the test. */
async function loadedOn(device, { adapter = { info: INFO }, history, loads = {}, loader = {}, cache = "none", cacheDir, host = {}, advancedGpu, first = {}, isReranker } = {}) {
  const asked = [];
  const events = [];
  const variants = [];
  const load = async (gpu) => {
    const name = gpu ? "webgpu" : "wasm";
    asked.push(name);
    if (gpu) variants.push(gpu.variants);
    const engine = loads[name] ?? new FakeEngine(name);
    if (engine instanceof Error) throw engine;
    return engine;
  };
  const kind = { createDeviceEngine: (devices) => new (isReranker ? DeviceRerankEngine : DeviceEngine)(devices) };
  const options = { device, loader, cache, cacheDir, webgpu: advancedGpu, onProgress: (event) => events.push(event) };
  const engine = await loadOnDevice({ kind, host: { ...hostOf(adapter), ...host }, options, load, first, history });
  return { engine, asked, events, variants };
}

describe("loadOnDevice", () => {
  test("webgpu without a GPU is GPU_FAILED, and nothing is loaded", async () => {
    await rejectsWith("GPU_FAILED", loadedOn("webgpu", { adapter: null }), "finds no GPU", 'device: "auto"');
  });

  test("webgpu loads the model for the GPU alone, also for an emulated one and for exact products", async () => {
    const emulated = { info: { ...INFO, isFallbackAdapter: true } };
    const { engine, asked, events } = await loadedOn("webgpu", { adapter: emulated, loader: { kernel: "exact" } });
    assert.deepEqual([asked, events, engine.info.device, engine.info.gpu], [["webgpu"], [], "webgpu", "acme rdna-9"]);
  });

  test("webgpu takes the GPU of advanced.gpu", async () => {
    const own = gpuOf({ info: { ...INFO, description: "my GPU" } });
    const { engine } = await loadedOn("webgpu", { adapter: null, advancedGpu: own });
    assert.equal(engine.info.gpu, "my GPU");
  });

  for (const code of ["GPU_FAILED", "NEEDS_UNFUSED", "SELF_TEST_FAILED", "INTERNAL"]) {
    test(`webgpu loads the model for the CPU after ${code}, and reports it`, async () => {
      const { engine, asked, events } = await loadedOn("webgpu", { loads: { webgpu: new CoromError(code, "the reason") } });
      assert.deepEqual([asked, engine.info.device, engine.info.fallback], [["webgpu", "wasm"], "wasm", "the reason"]);
      assert.deepEqual(events.map(({ phase, code }) => [phase, code]), [["warning", "GPU_FALLBACK"]]);
      assert.equal(events[0].cause.code, code);
    });
  }

  test("webgpu rejects with errors that a GPU does not cause", async () => {
    for (const code of ["MISSING_FILE", "INTEGRITY_MISMATCH", "INVALID_ARGUMENT"]) {
      await rejectsWith(code, loadedOn("webgpu", { loads: { webgpu: new CoromError(code, "x") } }));
    }
  });

  test("the CPU does not take over with another model", async () => {
    const gpu = new FakeEngine("webgpu", { fail: () => failed() });
    const other = Object.assign(new FakeEngine("wasm"), { content: "other content" });
    const { engine } = await loadedOn("webgpu", { loads: { webgpu: gpu, wasm: other } });
    const error = await rejectsWith("GPU_FAILED", engine.embed(TEXTS), "another model");
    assert.deepEqual([error.cause.code, other.freed], ["INTEGRITY_MISMATCH", 1]);
  });

  test("auto loads the model for the CPU, and says why a GPU is not used", async () => {
    const unfused = new FakeEngine("wasm");
    unfused.info.fused = false;
    for (const [options, reason] of [
      [{ adapter: null }, /finds no GPU/],
      [{ adapter: { info: { ...INFO, isFallbackAdapter: true } } }, /the processor emulates the GPU \(acme rdna-9\)/],
      [{ loader: { kernel: "exact" } }, /quality: "exact"/],
      [{ loads: { wasm: unfused } }, /not recognized as a BERT/],
    ]) {
      const { engine, asked } = await loadedOn("auto", options);
      await engine.embed(TEXTS);
      assert.deepEqual([asked, engine.info.device], [["wasm"], "wasm"]);
      assert.match(engine.info.fallback, reason);
    }
    const { engine, asked } = await loadedOn("auto");
    assert.deepEqual([asked, engine.info.fallback, engine.info.gpu], [["wasm"], undefined, "acme rdna-9"]);
  });
});

describe("a worker that starts again", () => {
  /** Returns the history of a worker that the page hands to the next one: `states.at(-1)`, with `history.states`. */
  const historyOf = (state) => {
    const states = [];
    return Object.assign(new GpuHistory({ ...state, isRestart: true }, (next) => states.push(next)), { states });
  };
  const codesOf = (events) => events.map(({ code }) => code);

  test("loads the model for the CPU when there is no GPU any more, and warns", async () => {
    const history = historyOf();
    const { engine, asked, events } = await loadedOn("webgpu", { adapter: null, history });
    assert.deepEqual([asked, engine.info.device, codesOf(events)], [["wasm"], "wasm", ["GPU_FALLBACK"]]);
    assert.match(engine.info.fallback, /finds no GPU/);
    assert.match(events[0].message, /the CPU runs the model: WebGPU finds no GPU/);
    const [next] = history.states.slice(-1);
    assert.deepEqual(next, { failures: 1, reason: undefined }, "the GPU may come back once");
    const again = historyOf(next);
    await loadedOn("webgpu", { adapter: null, history: again });
    assert.deepEqual([again.failures, /finds no GPU/.test(again.reason)], [2, true]);
  });

  test("does not use a GPU again that has failed for good, and warns", async () => {
    for (const device of ["webgpu", "auto"]) {
      const history = historyOf({ failures: 1, reason: "a product is wrong" });
      const { engine, asked, events } = await loadedOn(device, { history });
      await engine.embed(TEXTS);
      const { device: current, fallback, gpu } = engine.info;
      assert.deepEqual([asked, current, fallback, gpu], [["wasm"], "wasm", "a product is wrong", "acme rdna-9"]);
      assert.deepEqual([codesOf(events), history.states], [device === "webgpu" ? ["GPU_FALLBACK"] : [], []]);
    }
  });

  test("is told of a failure before the CPU's model is loaded, which may end the worker", async () => {
    for (const isLoadFailure of [true, false]) {
      const history = historyOf();
      const webgpu = isLoadFailure ? failed("no results") : new FakeEngine("webgpu", { fail: () => failed("no results") });
      const ended = new Error("the worker has no memory");
      const loading = loadedOn("webgpu", { history, loads: { webgpu, wasm: ended } });
      await assert.rejects(isLoadFailure ? loading : loading.then(({ engine }) => engine.embed(TEXTS)), ended);
      assert.deepEqual(history.states, [{ failures: 1, reason: "no results" }]);
    }
  });

  test("tries a GPU whose device was lost once more, whichever worker that was", async () => {
    const lost = () => Object.assign(new FakeEngine("webgpu", { fail: () => failed("lost") }), { isDeviceLost: true });
    let state;
    const seen = [];
    for (let worker = 0; worker < 3; worker++) {
      const history = historyOf(state);
      const { engine, asked, events } = await loadedOn("webgpu", { history, loads: { webgpu: lost() } });
      await engine.embed(TEXTS);
      seen.push([asked, codesOf(events)]);
      state = history.states.at(-1) ?? state;
    }
    const failing = [["webgpu", "wasm"], ["GPU_FALLBACK"]];
    assert.deepEqual(seen, [failing, failing, [["wasm"], ["GPU_FALLBACK"]]]);
  });

  test("tries a GPU once more whose device was lost while the model was loaded", async (t) => {
    let now = 0;
    t.mock.method(performance, "now", () => now);
    for (const device of ["webgpu", "auto"]) {
      for (const isLost of [true, false]) {
        const history = historyOf();
        const loss = () => (isLost ? markLoss(failed("lost")) : failed("wrong"));
        const wasm = new FakeEngine("wasm", { work: async (texts) => (now += 50 * texts.length) });
        const loads = { webgpu: loss(), wasm };
        const { engine, asked, events } = await loadedOn(device, { history, loads });
        for (let i = 0; i < 4; i++) {
          loads.webgpu = loss();
          await engine.embed(TEXTS);
        }
        const tries = asked.filter((name) => name === "webgpu").length;
        assert.deepEqual([tries, history.failures], isLost ? [2, 2] : [1, 1], device);
        assert.deepEqual([engine.info.device, engine.info.fallback], ["wasm", isLost ? "lost" : "wrong"]);
        assert.deepEqual(codesOf(events), Array(tries).fill("GPU_FALLBACK"));
      }
    }
  });

  test("tries a GPU again whose model could not be fetched", async () => {
    const history = historyOf();
    const { engine, asked } = await loadedOn("auto", { history, loads: { webgpu: new CoromError("FETCH_FAILED", "offline") } });
    for (let i = 0; i < 2; i++) await engine.embed(TEXTS);
    assert.deepEqual([asked, engine.info.fallback, history.states], [["wasm", "webgpu"], "offline", []]);
  });
});

test("auto keeps in the cache that a GPU is no faster, and does not load its model again", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const slow = (device, ms) => new FakeEngine(device, { work: async (texts) => (now += ms * texts.length) });
  const store = memoryStore();
  const options = () => ({
    cache: "auto",
    host: { folderStore: async () => store },
    cacheDir: "folder",
    loads: { wasm: slow("wasm", 50), webgpu: slow("webgpu", 60) },
  });
  const given = options();
  const first = await loadedOn("auto", given);
  await first.engine.embed(TEXTS);
  first.gpuParts = given.loads.webgpu.parts;
  await until(() => [...store.sizes()].length > 0);
  const second = await loadedOn("auto", options());
  assert.match(second.engine.info.fallback, /the CPU is at least as fast as the GPU \(acme rdna-9\)/);
  await second.engine.embed(TEXTS);
  assert.deepEqual([first.asked, second.asked], [["wasm", "webgpu"], ["wasm"]]);
  assert.deepEqual(first.gpuParts, [2, 8, 64], "the first texts are not measured");
  const otherGpu = await loadedOn("auto", { ...options(), adapter: { info: { ...INFO, architecture: "rdna-10" } } });
  assert.equal(otherGpu.engine.info.fallback, undefined);
});

test("auto keeps the variants of products that were measured, and passes them to the next load for the GPU", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const timed = (device, ms) => new FakeEngine(device, { work: async (texts) => (now += ms * texts.length) });
  const store = memoryStore();
  /** Loads the model, which has measured `variants`. Returns what the load for the GPU was told. */
  const visit = async (measured, { adapter = { info: INFO }, isFirst = false } = {}) => {
    const loads = { wasm: timed("wasm", 50), webgpu: timed("webgpu", 5) };
    loads.webgpu.variants = measured;
    const { engine, variants } = await loadedOn("auto", { cache: "auto", host: { folderStore: async () => store }, cacheDir: "folder", loads, adapter });
    const before = [...store.sizes()].length;
    for (let i = 0; i < 3; i++) await engine.embed(TEXTS);
    await until(() => variants.length > 0);
    if (isFirst) await until(() => [...store.sizes()].length > before);
    return variants;
  };
  assert.deepEqual(await visit(293, { isFirst: true }), [undefined]);
  assert.deepEqual(await visit(293), [293]);
  const adapter = { info: { ...INFO, architecture: "rdna-10" } };
  assert.deepEqual(await visit(7, { adapter, isFirst: true }), [undefined]);
  assert.deepEqual([await visit(7, { adapter }), await visit(293)], [[7], [293]]);
});

describe("auto and the first results of the GPU", () => {
  const wrong = { "have another direction": ([x]) => [x, x], "are zeros": () => [0, 0], "are no numbers": () => [NaN, NaN] };
  for (const [name, change] of Object.entries(wrong)) {
    for (const isReranker of [false, true]) {
      test(`does not use a GPU whose ${isReranker ? "logits" : "vectors"} ${name}`, async () => {
        const changed = (data) => Float32Array.from(data, (_, i) => change([...data.slice(i - (i % 2), i + 2)])[i % 2] * (isReranker ? 1.001 : 1));
        const engines = { wasm: new FakeEngine("wasm"), webgpu: new FakeEngine("webgpu", { change: changed }) };
        if (isReranker) for (const engine of Object.values(engines)) asReranker(engine);
        const { engine, asked, events } = await loadedOn("auto", { loads: engines, isReranker });
        const run = () => (isReranker ? engine.rerank("q", TEXTS) : engine.embed(TEXTS));
        await run();
        await until(() => engines.webgpu.freed > 0);
        await run();
        assert.deepEqual([asked, engines.webgpu.parts], [["wasm", "webgpu"], [2]]);
        assert.match(engine.info.fallback, /the GPU's results are not those of the CPU/);
        assert.deepEqual(events.map(({ code }) => code), ["GPU_FALLBACK"]);
      });
    }
  }
});

/** Makes a FakeEngine an engine of rerankers, which has no `embed`. */
function asReranker(engine) {
  const { embed } = engine;
  engine.rerank = async (query, texts, options) => {
    const { data } = await embed.call(engine, texts, undefined, options);
    const logits = data.filter((_, i) => i % 2 === 0);
    return { logits, scores: logits };
  };
  engine.embed = undefined;
}

describe("auto and its cache", () => {
  const slow = (device, ms) => new FakeEngine(device, { work: async (texts) => (now += ms * texts.length) });
  let now = 0;

  test("needs none: files in memory are loaded without it", async () => {
    const { engine } = await loadedOn("auto", { cache: "opfs" });
    assert.equal(engine.info.fallback, undefined);
  });

  test("a choice that cannot be stored after the load's abort is no unhandled rejection", async (t) => {
    t.mock.method(performance, "now", () => now);
    const unhandled = [];
    const listener = (reason) => unhandled.push(reason);
    process.on("unhandledRejection", listener);
    t.after(() => process.off("unhandledRejection", listener));
    const controller = new AbortController();
    let writes = 0;
    const store = { ...memoryStore(), read: async () => undefined, write: async () => (writes++, Promise.reject(new Error("full"))) };
    const { engine } = await loadedOn("auto", {
      cache: "auto",
      host: { folderStore: async () => store },
      cacheDir: "folder",
      loads: { wasm: slow("wasm", 50), webgpu: slow("webgpu", 60) },
      first: { signal: controller.signal },
    });
    controller.abort();
    await engine.embed(TEXTS);
    await until(() => writes > 0);
    for (let i = 0; i < 20; i++) await turn();
    assert.deepEqual(unhandled, []);
  });
});

describe("Choices", () => {
  const engine = new FakeEngine("wasm");
  const memory = () => {
    const stored = new Map();
    return { stored, deviceChoice: async (key) => stored.get(key), storeDeviceChoice: async (key, bytes) => void stored.set(key, bytes) };
  };

  test("keeps what was learned per GPU and model, and reads no damaged entry", async () => {
    const cache = memory();
    const pace = new Pace();
    for (const device of ["wasm", "webgpu"]) {
      pace.measured(device, TEXTS.slice(0, 8), 8);
      pace.measured(device, TEXTS.slice(0, 64), 64);
    }
    const found = { id: "a" };
    await new Choices(cache, { found, engine }).store(pace, 37);
    const again = new Pace();
    const known = await new Choices(cache, { found, engine }).read();
    assert.equal(known.variants, 37);
    assert.equal(again.restore(known.pace), true);
    assert.equal(again.estimate("wasm", sizeOf(TEXTS)), pace.estimate("wasm", sizeOf(TEXTS)));
    assert.equal(await new Choices(cache, { found: { id: "b" }, engine }).read(), undefined);
    for (const key of cache.stored.keys()) cache.stored.set(key, new Uint8Array([1, 2]));
    assert.equal(await new Choices(cache, { found, engine }).read(), undefined);
    assert.equal(await new Choices(undefined, { found, engine }).read(), undefined);
  });
});

test("loads in Node share what the npm package webgpu creates", async () => {
  const fake = 'export const create = () => ({})';
  const resolve = `(name, context, next) => name === "webgpu" ? { url: "data:text/javascript,${fake}", shortCircuit: true } : next(name, context)`;
  register(`data:text/javascript,${encodeURIComponent(`export const resolve = ${resolve.replace(fake, encodeURIComponent(fake))}`)}`);
  const [first, second] = await Promise.all([gpu(), gpu()]);
  assert.equal(typeof first, "object");
  assert.equal(first, second);
  assert.equal(await gpu(), first);
});
