// Engines of the CPU and the GPU that fail when a test wants it.
import assert from "node:assert/strict";
import { Devices } from "../../../pkg/lib/device/devices.js";
import { DeviceEngine } from "../../../pkg/lib/device/engine.js";
import { Pace } from "../../../pkg/lib/device/pace.js";
import { CoromError } from "../../../pkg/lib/errors.js";

export const TEXTS = Array.from({ length: 700 }, (_, i) => `title ${i}`);
export const failed = (message = "the device is lost") => new CoromError("GPU_FAILED", message);
export const turn = () => new Promise((resolve) => setImmediate(resolve));
export const until = async (condition) => {
  while (!condition()) await turn();
};
export const rejectsWith = async (code, promise, ...mentions) => {
  const error = await promise.then(
    (value) => assert.fail(`resolved to ${JSON.stringify(value)}`),
    (thrown) => thrown,
  );
  assert.equal(error.code, code, error.stack);
  for (const part of mentions) assert.ok(error.message.includes(part), `"${part}" is not in: ${error.message}`);
  return error;
};

/** An engine whose vector of "title 5" is [5, device], and whose logit and score are these numbers. `fail(count)` may return an error,
 * and `change(data)` changes the vectors. */
export class FakeEngine {
  parts = [];
  freed = 0;
  isAlive = true;
  isDeviceLost = undefined;
  content = "content";
  kept = new Map();

  constructor(device, { fail, work, change = (data) => data } = {}) {
    this.fail = fail;
    this.change = change;
    this.work = work;
    const engine = this;
    this.info = {
      dimension: 2,
      layers: 1,
      fused: true,
      device,
      backend: device,
      get wasmMemory() {
        return engine.isAlive ? 100 : 0;
      },
    };
  }

  async embed(texts, prompt, { signal, onDone } = {}) {
    const number = this.info.device === "webgpu" ? 1 : 0;
    this.parts.push(texts.length);
    onDone?.(Math.ceil(texts.length / 2));
    await this.work?.(texts, signal);
    await turn();
    if (!this.isAlive) throw new CoromError("FREED", "freed");
    const error = this.fail?.(this.parts.length);
    if (error) throw error;
    signal?.throwIfAborted();
    const numberOf = (text) => (text.startsWith("title ") ? Number.parseInt(text.slice(6)) : 1000);
    const data = this.change(Float32Array.from(texts.flatMap((text) => [numberOf(text), number])));
    const filled = (Type) => new Type(texts.length);
    return { data, report: { tokens: filled(Uint32Array), truncated: filled(Uint8Array), unknown: filled(Uint32Array) } };
  }

  async rerank(query, texts, options) {
    const { data } = await this.embed(texts, undefined, options);
    const logits = data.filter((_, i) => i % 2 === 0);
    return { logits, scores: data.filter((_, i) => i % 2 === 1) };
  }

  async score({ vector }, { vectors, kept }) {
    const data = vectors ?? this.kept.get(`${kept.id}/${kept.at}`);
    return data && Float32Array.from({ length: data.length / 2 }, (_, i) => data[2 * i] + vector[0]);
  }

  keep(id, portions) {
    for (const { kept, vectors } of portions) this.kept.set(`${kept.id}/${kept.at}`, vectors);
  }

  release(id) {
    this.released = id;
  }

  async order() {
    return this.info.device;
  }

  async tokenize() {
    return this.info.device;
  }

  free() {
    this.freed++;
    this.isAlive = false;
  }
}

/** A model on the GPU alone. `loads` are the engines, or the errors, of later loads. */
export function onGpu({ gpu = new FakeEngine("webgpu"), loads = [new FakeEngine("wasm")] } = {}) {
  const warnings = [];
  const asked = [];
  const load = async (device) => {
    asked.push(device);
    await turn();
    const loaded = loads.shift();
    if (loaded instanceof Error) throw loaded;
    return loaded;
  };
  const warn = (...warning) => warnings.push(warning);
  const devices = new Devices({ engines: { webgpu: gpu }, load, warn, gpu: "a GPU" });
  return { engine: new DeviceEngine(devices), devices, warnings, asked };
}

/** A model on the CPU, and on the GPU when it is wanted, with a clock that the engines move. `whileLoading`: a promise that
 * the load for the GPU waits for. `clock(ms)` moves the clock. */
export function auto(t, { cpuMs = 50, gpuMs = 1, gpuCallMs = 5, loaded = {}, pace = new Pace(), fallback, whileLoading } = {}) {
  let now = 1000;
  t.mock.method(performance, "now", () => now);
  const cpu = new FakeEngine("wasm", { work: async (texts) => (now += cpuMs * texts.length) });
  const gpu = new FakeEngine("webgpu", { ...loaded, work: async (texts) => (now += gpuCallMs + gpuMs * texts.length) });
  const warnings = [];
  const learned = [];
  const asked = [];
  const load = async (device) => {
    asked.push(device);
    await whileLoading;
    if (loaded.error) throw loaded.error;
    return gpu;
  };
  const devices = new Devices({
    engines: { wasm: cpu },
    load,
    warn: (...warning) => warnings.push(warning),
    gpu: "a GPU",
    fallback,
    auto: { pace, onLearned: (pace) => learned.push(JSON.parse(JSON.stringify(pace))) },
  });
  return { engine: new DeviceEngine(devices), devices, cpu, gpu, warnings, learned, asked, clock: (ms = 0) => (now += ms) };
}

export const firstsOf = ({ data }) => Array.from(data).filter((_, i) => i % 2 === 0);
export const NUMBERS = TEXTS.map((_, i) => i);
export const devicesIn = ({ data }) => [...new Set(Array.from(data).filter((_, i) => i % 2 === 1))];

/**
 * A GPUDevice that does nothing. `lose()` ends it, and `raise(filter, message)` makes an error, which goes to the innermost
 * error scope with that filter, or to the device. Scopes report it when `popped` settles.
 */
export function fakeDevice({ popped = turn() } = {}) {
  const scopes = [];
  let onError;
  const device = { destroyed: 0, queue: {}, destroy: () => device.destroyed++, scopes };
  device.addEventListener = (name, listener) => (onError = listener);
  device.pushErrorScope = (filter) => void scopes.push({ filter, error: null });
  device.popErrorScope = async () => {
    const { error } = scopes.pop();
    await popped;
    return error;
  };
  device.raise = (filter, message) => {
    const scope = scopes.findLast((scope) => scope.filter === filter);
    if (!scope) onError({ error: { message } });
    else scope.error ??= { message };
  };
  device.lost = new Promise((resolve) => (device.lose = () => resolve({ reason: "unknown", message: "" })));
  return device;
}

/** A GPU (`navigator.gpu`) whose adapter gives the device. */
export function gpuWith(device) {
  const info = { vendor: "acme", architecture: "rdna-9", device: "", description: "" };
  const adapter = { info, limits: {}, features: [], requestDevice: async () => device };
  return { adapter, requestAdapter: async () => adapter };
}
