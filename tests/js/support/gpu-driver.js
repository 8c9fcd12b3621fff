// Runs in a page: loads models onto the GPU through the WebAssembly bindings, as the package does, but without the package's
// fallback to the CPU.
import { leaseGpu } from "/pkg/lib/gpu-guard.js";
import { createBindings } from "/pkg/wasm/corom-gpu.js";

let module;

/**
 * Starts an instance: on the GPU, or on the CPU if `gpu` is null. `submissionMs` is the time that a submission should take;
 * `variants` is the number of an earlier load; `adapter` has other properties of the adapter; `options` are those of
 * leaseGpu.
 */
export async function start({ gpu = navigator.gpu, submissionMs, variants = 0, adapter, ...options } = {}) {
  module ??= await WebAssembly.compileStreaming(fetch("/pkg/wasm/corom-gpu.wasm"));
  const lease = gpu ? await leaseGpu({ gpu, allowSoftware: true, ...options }) : undefined;
  if (gpu && !lease) throw new Error("there is no adapter");
  const bindings = createBindings(globalThis, lease?.scope);
  const { memory } = await bindings.init({ module_or_path: module });
  const given = { ...lease?.options, ...adapter, variants, submissionMs: submissionMs ?? lease?.options.submissionMs };
  const device = lease && (await bindings.Gpu.open(given));
  lease?.onFailure((reason) => device.fail(reason));
  return { bindings, lease, device, memory, pending: 0, polled: 0 };
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Loads a model. `files`: base64 by path. `damaged` is a path: the file's first transfer is damaged, and fails with host.code. */
export async function load(host, files, settings, damaged) {
  const { ModelLoader } = host.bindings;
  const loader = host.device ? ModelLoader.onGpu(settings, host.device) : new ModelLoader(settings);
  for (let requests; (requests = loader.pendingRequests()).length > 0; ) {
    const { path } = requests[0];
    if (!Object.hasOwn(files, path)) {
      loader.missing(path);
      continue;
    }
    const bytes = bytesOf(files[path]);
    const transfer = (content) => {
      loader.begin(path, content.length, false);
      for (let at = 0; at < content.length; at += 1000) loader.feed(path, content.subarray(at, at + 1000));
      loader.end(path, undefined);
    };
    try {
      if (path === damaged) transfer(new Uint8Array(bytes.length).fill(0xff));
    } catch ({ code }) {
      host.code = code;
    }
    transfer(bytes);
  }
  const unverified = loader.buildUnverified();
  while (!unverified.step()) if (unverified.isPending) await wait(host);
  return settings.task === "rerank" ? unverified.finishReranker() : unverified.finish();
}

/** Runs a job to its end. */
export async function run(host, model, job) {
  for (;;) {
    host.polled += 1;
    if (model.step(job)) return [...model.finish(job)];
    if (job.isPending) await wait(host);
  }
}

export const embed = (host, model, texts) => run(host, model, model.start(texts, ""));

async function wait(host) {
  host.pending += 1;
  await host.lease.wait();
}

/** Ends an instance as the package does: without a call into WebAssembly. */
export const end = (host) => host.lease?.free();

/** Loads a model in an instance of its own and embeds texts. Returns what it gave, or the code of the error. */
export async function once(options, files, settings, texts, times = 1) {
  let host;
  try {
    host = await start(options);
    const model = await load(host, files, settings);
    const vectors = [];
    for (let i = 0; i < times; i++) {
      vectors.push(settings.task === "rerank" ? await run(host, model, model.start(texts[0], texts.slice(1))) : await embed(host, model, texts));
    }
    return { vectors: vectors[0], last: vectors.at(-1), info: model.info() };
  } catch (error) {
    return { code: error.code ?? error.name, message: error.message, failure: host?.lease?.failure };
  } finally {
    if (host) end(host);
  }
}

/** Returns the lowest cosine of the rows of two lists of numbers. */
export function lowestCosine(a, b, dimension) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  let lowest = a.length === b.length && a.length > 0 ? Infinity : NaN;
  for (let at = 0; at < a.length; at += dimension) {
    const [x, y] = [a, b].map((list) => list.slice(at, at + dimension));
    lowest = Math.min(lowest, dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)));
  }
  return lowest;
}

/**
 * Returns an object like `navigator.gpu` whose devices have a fault. Numbers count from 0 within a device:
 *   { destroyed: n }    the device is destroyed before submission n
 *   { allocation: n }   buffer n is larger than the device allows
 *   { shader: name }    this shader is no valid WGSL
 *   { wrong: n }        one workgroup of each product is wrong from submission n on
 *   { silent: n }       readbacks from submission n on never end
 *   { isShared: true }  the device is the page's one for tests, which is never destroyed
 * `counts` has the submissions, allocations and names of shaders of the last device; the submissions and the buffers that
 * are `underWay` and `live`, and the `most` that were under way.
 */
export function faultyGpu(fault, counts = {}) {
  return {
    wgslLanguageFeatures: navigator.gpu.wgslLanguageFeatures,
    async requestAdapter(options) {
      const adapter = await navigator.gpu.requestAdapter(options);
      const requestDevice = async (descriptor) => {
        const device = fault.isShared ? await sharedDevice(adapter, descriptor) : await adapter.requestDevice(descriptor);
        return inject(device, fault, counts);
      };
      return { info: adapter.info, limits: adapter.limits, features: adapter.features, requestDevice };
    },
  };
}

/** The page's device, and its compiled shaders: SwiftShader takes seconds for each. */
let shared;
const compiled = new Map();

async function sharedDevice(adapter, descriptor) {
  shared ??= await adapter.requestDevice(descriptor);
  // Errors of an earlier model arrive before those of the next one.
  await shared.queue.onSubmittedWorkDone();
  shared.pushErrorScope("validation");
  await shared.popErrorScope();
  return shared;
}

/** Returns an object that does what `target` does, except for its `own` members. */
function like(target, own) {
  const get = (_, name) => {
    if (Object.hasOwn(own, name)) return own[name];
    return typeof target[name] === "function" ? target[name].bind(target) : target[name];
  };
  return new Proxy(target, { get });
}

function inject(device, fault, counts) {
  Object.assign(counts, { submissions: 0, allocations: 0, wrong: 0, underWay: 0, most: 0, live: 0, shaders: new Set(), device });
  const texts = new Map();
  const wrong = new Map();
  // Bind groups of equal layouts fit each pipeline.
  const create = (descriptor, code) => {
    if (!fault.isShared) return device.createComputePipeline(descriptor);
    if (!compiled.has(code)) compiled.set(code, device.createComputePipeline(descriptor));
    return compiled.get(code);
  };
  const own = {
    createBuffer(descriptor) {
      if (counts.allocations++ === fault.allocation) {
        return device.createBuffer({ ...descriptor, size: device.limits.maxBufferSize + 4 });
      }
      const buffer = device.createBuffer(descriptor);
      counts.live += 1;
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        buffer.destroy = destroy;
        counts.live -= 1;
        destroy();
      };
      const map = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = (...args) => (counts.submissions > fault.silent ? new Promise(() => {}) : map(...args));
      return buffer;
    },
    createShaderModule(descriptor) {
      counts.shaders.add(descriptor.label);
      const code = descriptor.label === fault.shader ? "This is no shader." : descriptor.code;
      const shader = device.createShaderModule({ ...descriptor, code });
      texts.set(shader, { label: descriptor.label, code });
      return shader;
    },
    createComputePipeline(descriptor) {
      const { label, code } = texts.get(descriptor.compute.module);
      const pipeline = create(descriptor, code);
      const wrongCode = fault.wrong !== undefined && wrongProducts({ label, code });
      if (wrongCode) {
        const module = device.createShaderModule({ label, code: wrongCode });
        wrong.set(pipeline, create({ ...descriptor, compute: { ...descriptor.compute, module } }, wrongCode));
      }
      return pipeline;
    },
    createCommandEncoder(descriptor) {
      const encoder = device.createCommandEncoder(descriptor);
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (passDescriptor) => {
        const pass = begin(passDescriptor);
        const set = pass.setPipeline.bind(pass);
        pass.setPipeline = (pipeline) => {
          const isWrong = counts.submissions >= fault.wrong && wrong.has(pipeline);
          counts.wrong += Number(isWrong);
          set(isWrong ? wrong.get(pipeline) : pipeline);
        };
        return pass;
      };
      return encoder;
    },
    queue: like(device.queue, {
      submit(commands) {
        if (commands.length > 0 && counts.submissions++ === fault.destroyed) device.destroy();
        device.queue.submit(commands);
        if (commands.length === 0) return;
        counts.most = Math.max(counts.most, ++counts.underWay);
        device.queue.onSubmittedWorkDone().then(() => (counts.underWay -= 1));
      },
    }),
    destroy: () => !fault.isShared && device.destroy(),
  };
  return like(device, own);
}

/** Returns the shader of a product with a wrong result in one workgroup. */
function wrongProducts({ label, code }) {
  const insert = (before, fault) => {
    if (!code.includes(before)) throw new Error(`${label} has no place for a fault`);
    return code.replace(before, `\nif (group.x + group.y == 0u) { ${fault} }${before}`);
  };
  if (label === "linear") return insert("\nfor (var part", "sum_0_0 += vec4<f32>(1.0);");
  if (label === "linear_i8_exact") return insert("\nfor (var i ", "sum_0 += vec4<i32>(100000);");
  if (label === "linear_i8_blocks") return insert("\nfor (var i ", "sum_0 += vec4<f32>(100000.0);");
  if (label === "linear_few_rows") return insert("\nlet own_row", "sums += vec4<f32>(1.0);");
  return undefined;
}
