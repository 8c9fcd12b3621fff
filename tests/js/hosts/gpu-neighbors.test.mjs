// Models in a page beside one that stays on the GPU: faults of a load end the GPU for that model alone, and for a while.
// All tests use one page and one healthy device, because SwiftShader takes seconds to compile the shaders for another one.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { useGpuPage } from "../support/gpu-pages.mjs";

const MIN_COSINE = 0.99999;

describe("a page with a model on the GPU", () => {
  const state = useGpuPage({ isKept: true });
  before(() =>
    state.page.evaluate(async () => {
      const { faultyGpu } = await import("/support/gpu-driver.js");
      globalThis.healthy = faultyGpu({ isShared: true });
      globalThis.warnings = [];
      const onProgress = ({ phase, message }) => phase === "warning" && warnings.push(message);
      globalThis.first = await load({ device: "webgpu", advanced: { gpu: healthy }, onProgress });
      globalThis.expected = (await first.embed(texts)).data;
      if (first.info.device !== "webgpu") throw new Error(warnings.join());
    }),
  );

  async function assertFirstIsOnGpu() {
    const got = await state.page.evaluate(async () => {
      const { data } = await first.embed(texts);
      return { cosine: cosine(data, expected, 32), device: first.info.device, warnings };
    });
    assert.ok(got.cosine >= MIN_COSINE, JSON.stringify(got));
    assert.deepEqual([got.device, got.warnings], ["webgpu", []]);
  }

  for (const [name, fault, reason] of [
    ["is lost", "lost", /the device was lost/],
    ["reports an internal error", "internal", /the driver gave up/],
  ]) {
    test(`a device that ${name} while another model is loaded, and the next one in a later call`, async () => {
      const got = await state.page.evaluate(async (fault) => {
        const events = [];
        const opened = gpus.length;
        // The first device of this GPU is a new one, and has the fault. The next one is the healthy one.
        const requestAdapter = async (options) => {
          const adapter = await (gpus.length === opened ? navigator.gpu : healthy).requestAdapter(options);
          const requestDevice = (descriptor) => adapter.requestDevice(descriptor);
          return { info: adapter.info, limits: adapter.limits, features: adapter.features, requestDevice };
        };
        const fail = (device) => {
          if (fault === "lost") return device.destroy();
          const error = new GPUInternalError("the driver gave up");
          device.dispatchEvent(new GPUUncapturedErrorEvent("uncapturederror", { error }));
        };
        const onProgress = ({ phase, code, message }) => {
          if (phase === "warning") events.push([code, message]);
          else if (gpus.length === opened + 1 && events.length === 0) fail(gpus.at(-1));
        };
        const gpu = { wgslLanguageFeatures: navigator.gpu.wgslLanguageFeatures, requestAdapter };
        const corom = await load({ device: "webgpu", advanced: { gpu }, onProgress });
        const devices = [corom.info.device];
        const inTime = performance.now() + 60_000;
        while (corom.info.device !== "webgpu" && performance.now() < inTime) {
          await corom.embed(many.slice(0, 2));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        const { data } = await corom.embed(texts);
        const { device, fallback } = corom.info;
        const result = { devices: [...devices, device], events, fallback, cosine: cosine(data, expected, 32) };
        corom.free();
        return { ...result, opened: gpus.length - opened };
      }, fault);
      assert.ok(got.cosine >= MIN_COSINE, JSON.stringify(got));
      assert.deepEqual([got.devices, got.fallback, got.opened], [["wasm", "webgpu"], undefined, 1]);
      assert.deepEqual(got.events.map(([code]) => code), ["GPU_FALLBACK"]);
      assert.match(got.events[0][1], reason);
      await assertFirstIsOnGpu();
      assert.deepEqual(state.complaints, []);
    });
  }

  test("a buffer that cannot be allocated for another model: that one runs on the CPU", async () => {
    const got = await state.page.evaluate(async () => {
      const events = [];
      const onProgress = ({ phase, code, message }) => phase === "warning" && events.push([code, message]);
      const opened = gpus.length;
      const { createBuffer } = GPUDevice.prototype;
      let buffers = 0;
      GPUDevice.prototype.createBuffer = function (descriptor) {
        const size = ++buffers === 5 ? this.limits.maxBufferSize + 4 : descriptor.size;
        return createBuffer.call(this, { ...descriptor, size });
      };
      const corom = await load({ device: "webgpu", advanced: { gpu: healthy }, onProgress });
      GPUDevice.prototype.createBuffer = createBuffer;
      const { data } = await corom.embed(texts);
      const { device, fallback } = corom.info;
      corom.free();
      return { cosine: cosine(data, expected, 32), device, fallback, events, opened: gpus.length - opened };
    });
    assert.ok(got.cosine >= MIN_COSINE, JSON.stringify(got));
    assert.deepEqual([got.device, got.opened, got.events.length], ["wasm", 0, 1], JSON.stringify(got));
    assert.equal(got.events[0][0], "GPU_FALLBACK");
    assert.match(got.fallback, /exceeds|size|invalid/i);
    await assertFirstIsOnGpu();
    assert.deepEqual(state.complaints, []);
  });

  // The last one, because SwiftShader compiles its shaders for a while yet.
  test("a device that is lost in the self-test, which is reported after the error of the load: the GPU is tried again", async () => {
    const got = await state.page.evaluate(async () => {
      let asked = 0;
      const requestAdapter = async (options) => {
        asked += 1;
        const adapter = await navigator.gpu.requestAdapter(options);
        const requestDevice = async (descriptor) => {
          const device = await adapter.requestDevice(descriptor);
          let lose;
          const lost = new Promise((resolve) => (lose = resolve));
          const createBuffer = (descriptor) => {
            const buffer = device.createBuffer(descriptor);
            buffer.mapAsync = async () => {
              setTimeout(lose, 50, { reason: "unknown", message: "the driver restarts" });
              throw new DOMException("no results", "AbortError");
            };
            return buffer;
          };
          const own = (value) => (typeof value === "function" ? value.bind(device) : value);
          return new Proxy(device, { get: (_, name) => (name === "createBuffer" ? createBuffer : name === "lost" ? lost : own(device[name])) });
        };
        return { info: adapter.info, limits: adapter.limits, features: adapter.features, requestDevice };
      };
      const events = [];
      const onProgress = ({ phase, code, message }) => phase === "warning" && events.push([code, message]);
      const gpu = { wgslLanguageFeatures: navigator.gpu.wgslLanguageFeatures, requestAdapter };
      const corom = await load({ device: "webgpu", advanced: { gpu }, onProgress, cache: "none" }, "/tested/");
      const { device } = corom.info;
      const atLoad = asked;
      for (let i = 0; i < 50 && asked === atLoad; i++) {
        await corom.embed(texts);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      corom.free();
      return { device, again: asked - atLoad, events };
    });
    assert.deepEqual([got.device, got.again, got.events.length], ["wasm", 1, 1], JSON.stringify(got));
    assert.match(got.events[0][1], /results cannot be read/);
  });
});
