// The WebAssembly instance of a model on a GPU.
import { throwIfAborted, untilAborted } from "../abort.js";
import { CoromError, messageOf } from "../errors.js";
import { leaseGpu } from "../gpu-guard.js";
import { instantiate } from "../instance.js";
import { binaryModule, locateBinary } from "../module.js";
import { Runtime } from "../runtime.js";
import { textClasses } from "../text.js";
import { markLoss } from "./history.js";
import { withinLimit } from "./limit.js";

/** Time that the instance gets to open the device, which is open already. */
const OPEN_LIMIT_MS = 30_000;
const WASM_FILE = "corom-gpu.wasm";
const GLUE_FILE = "corom-gpu.js";

export class GpuRuntime extends Runtime {
  device = "webgpu";
  #lease;
  #gpu;

  /** Opens a device of `options.gpu` (adapter.js), or joins the one that is open, and starts the binary for GPUs. */
  static async start(host, options) {
    const { signal } = options;
    const lease = await leaseGpu({ gpu: options.gpu.gpu, allowSoftware: true, deadlineMs: host.gpuDeadlineMs, signal });
    if (!lease) throw new CoromError("GPU_FAILED", "WebGPU has no GPU any more");
    try {
      throwIfAborted(signal);
      const [createBindings, compiled] = await Promise.all([glueOf(host, signal), moduleOf(host, options)]);
      const { bindings, memory } = await instantiate(createBindings(textClasses(), lease.scope), compiled, signal);
      const gpu = await untilAborted(opened(bindings.Gpu.open({ ...lease.options, variants: keptVariants(options.gpu) })), signal);
      return new GpuRuntime(bindings, memory, lease, gpu);
    } catch (error) {
      const { isLost } = lease;
      lease.free();
      throwIfAborted(signal);
      const failure = error instanceof CoromError ? error : new CoromError("GPU_FAILED", messageOf(error), { cause: error });
      throw isLost ? markLoss(failure) : failure;
    }
  }

  constructor(bindings, memory, lease, gpu) {
    // The module is not known to the caller: a worker that gets it as the option `wasm` would take it for the CPU.
    super(bindings, memory, { module: undefined, simd: "plain" });
    this.#lease = lease;
    this.#gpu = gpu;
    lease.onFailure((reason) => this.#gpu?.fail(reason));
  }

  createLoader(settings) {
    return this.call(({ ModelLoader }) => ModelLoader.onGpu(settings, this.#gpu));
  }

  /** Throws GPU_FAILED if the GPU cannot run the model, so that the processor runs it in this binary, slowly. */
  checkModel(model) {
    const { fallback } = this.call(() => model.info());
    if (fallback !== undefined) throw new CoromError("GPU_FAILED", fallback);
  }

  async wait() {
    await this.#lease.wait();
  }

  /** Returns whether the device has failed. */
  get hasDeviceFailed() {
    return this.#lease.failure !== undefined;
  }

  /** Returns whether the device was lost, so that another one may work. */
  get isDeviceLost() {
    return this.#lease.isLost === true;
  }

  /** The number of the variants of products that were measured, now or by an earlier load; 0 if they are not measured. */
  get variants() {
    return this.#gpu && !this.hasDeviceFailed ? this.call(() => this.#gpu.variants()) : 0;
  }

  drop() {
    this.#gpu = undefined;
    super.drop();
    this.#lease.free();
  }
}

/** Returns the number that an earlier load has measured. The binary takes no number that means nothing. */
const keptVariants = ({ variants }) => (Number.isInteger(variants) && variants >= 0 && variants < 2 ** 16 ? variants : 0);

/** Settles as the promise does. A promise of an instance that has crashed would never settle. */
const opened = (promise) => withinLimit(promise, OPEN_LIMIT_MS, "the binary for GPUs does not start");

async function moduleOf(host, options) {
  try {
    return await binaryModule(host, host.binaries.gpu, WASM_FILE, options);
  } catch (cause) {
    throwIfAborted(options.signal);
    throw cause.code === "OUT_OF_MEMORY" ? cause : missingFile(WASM_FILE, cause);
  }
}

async function glueOf(host, signal) {
  try {
    const url = await locateBinary(host, host.binaries.gpuGlue, GLUE_FILE);
    // The comments: bundlers copy the file because of its URL in binaries.js. A chunk would break workers in Vite.
    const { createBindings } = await untilAborted(import(/* webpackIgnore: true */ /* @vite-ignore */ url.href), signal);
    if (createBindings) return createBindings;
  } catch (cause) {
    throwIfAborted(signal);
    throw missingFile(GLUE_FILE, cause);
  }
  throw missingFile(GLUE_FILE, new Error("the bundler has changed it; serve it unchanged"));
}

const missingFile = (file, cause) =>
  new CoromError("GPU_FAILED", `${file} cannot be loaded: ${messageOf(cause)}`, { cause });
