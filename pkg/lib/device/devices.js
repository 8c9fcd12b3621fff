// The model of one instance on the GPU, on the CPU, or on both: runs the parts of a call, and goes on with the CPU when the
// GPU fails. Calls run one after the other (queue.js), so at most one part runs at a time.
//
//   webgpu   The model is on the GPU. After a failure it is loaded for the CPU, which runs the failed part again.
//   auto     The model is on the CPU, as without a GPU. When many texts come, it is also loaded for the GPU, and each part
//            goes to the faster of the two (pace.js).
import { throwIfAborted, untilAborted } from "../abort.js";
import { CoromError, messageOf } from "../errors.js";
import { freedError } from "../model-instance.js";
import { errorOfPortion } from "../portions.js";
import { GpuHistory, isDeviceLost, isGpuLoadError, isLoss } from "./history.js";

export class Devices {
  #engines = { wasm: undefined, webgpu: undefined };
  /** The loads that run, by device. */
  #loading = {};
  #load;
  #warn;
  #pace;
  #onLearned;
  /** What of `pace.stage` was passed on. */
  #learnedStage;
  #closing = new AbortController();
  #isGpuUsable;
  #history;
  /** The last failure, until it is reported: the error, and the engine, which is freed when the CPU has the model. */
  #failure;
  /** What `engineInfo` was when the instance was freed. */
  #lastInfo;
  /** The GPU's name; undefined without a GPU. */
  gpu;
  /** Why the CPU runs the model; undefined while the GPU does, and in `auto` until it is decided. */
  fallback;

  /**
   * `engines` has the engine that was loaded first, as `wasm` or `webgpu`. `load(device, signal)` loads another one, and
   * `warn(code, message, cause)` reports a failure. `gpu`: its name. `fallback`: why the GPU is not used; it is loaded
   * again if `mayRetry`. `auto` has the `pace`, and `onLearned(pace, variants)`, which is called when more is known of both
   * devices, with `variants` of the GPU's engine; undefined with `device: "webgpu"`. `history` has the failures of the GPU so far.
   */
  constructor({ engines, load, warn, gpu, fallback, mayRetry = false, auto, history = new GpuHistory() }) {
    Object.assign(this.#engines, engines);
    this.#load = load;
    this.#warn = warn;
    this.gpu = gpu;
    this.fallback = fallback;
    this.#pace = auto?.pace;
    this.#onLearned = auto?.onLearned;
    this.#learnedStage = auto?.pace.stage;
    this.#history = history;
    this.#isGpuUsable = gpu !== undefined && (fallback === undefined || mayRetry);
  }

  /** The engine that answers what needs no texts to be embedded, and that has the kept vectors. */
  get primary() {
    return this.#engines.wasm ?? this.#engines.webgpu ?? this.#failure?.engine;
  }

  get all() {
    return [this.#engines.wasm, this.#engines.webgpu, this.#failure?.engine].filter(Boolean);
  }

  /** Returns true if another engine may become the primary one. */
  get mayChange() {
    return this.#engines.wasm === undefined;
  }

  /** The device that runs a list of texts. */
  get current() {
    if (this.#lastInfo) return this.#lastInfo.device;
    const isChosen = !this.#pace || (this.#pace.isKnown && this.#pace.isGpuFaster);
    return this.#engines.webgpu && isChosen ? "webgpu" : "wasm";
  }

  /** `info` of the engine that runs a list of texts. */
  get engineInfo() {
    if (this.#lastInfo) return this.#lastInfo;
    const { all, current } = this;
    return (all.find(({ info }) => info.device === current) ?? all[0]).info;
  }

  /** The number of times that the GPU has failed. */
  get failures() {
    return this.#history.failures;
  }

  /** Returns the device for a call of `count` texts, which arrive in portions: the argument `pinned` of `run`. */
  deviceFor(texts, count) {
    if (!this.#isGpuUsable || !this.#engines.webgpu) return "wasm";
    return this.#pace ? this.#pace.deviceFor(texts, count) : "webgpu";
  }

  /** Returns the primary engine. Loads the model for the CPU if the GPU's instance has crashed. */
  async usable(signal) {
    throwIfAborted(this.#closing.signal);
    return this.primary.isAlive ? this.primary : this.#cpu(signal);
  }

  /**
   * Runs `work(engine, part, options)` on the parts of a list of texts. Returns the results in order. `onDone(count)` never
   * goes back, though a failed part runs again. All results come from the device `pinned`, if it is given and works; the
   * other one is then only measured.
   */
  async run(texts, work, { signal, onDone, pinned } = {}) {
    const results = [];
    let most = 0;
    let at = 0;
    const report = onDone && ((done) => done > most && onDone((most = done)));
    do {
      const rest = at === 0 ? texts : texts.slice(at);
      const { device, count, isTrial } = this.#next(rest);
      const part = count >= rest.length ? rest : rest.slice(0, count);
      const start = at;
      try {
        if (isTrial && pinned && pinned !== device) await this.#runPart(device, part, work, { signal });
        const own = pinned && this.#engines[pinned] ? pinned : device;
        results.push(await this.#runPart(own, part, work, { signal, onDone: report && ((done) => report(start + done)) }));
      } catch (error) {
        throw errorOfPortion(error, { at });
      }
      at += part.length;
      if (at < texts.length) report?.(at);
    } while (at < texts.length);
    return results;
  }

  /** Drops the engines and what has the source's files, which may be in memory: the caller may keep the instance. */
  free() {
    if (this.#lastInfo) return;
    this.#lastInfo = { ...this.engineInfo, device: this.current };
    this.#closing.abort(freedError());
    for (const engine of this.all) engine.free();
    this.#engines = {};
    this.#failure = this.#load = this.#warn = this.#onLearned = undefined;
  }

  /** Returns the device and the number of the next texts. */
  #next(texts) {
    const whole = (device) => ({ device, count: texts.length });
    if (!this.#isGpuUsable) return whole("wasm");
    if (!this.#pace && this.#engines.webgpu) return whole("webgpu");
    if (!this.#engines.webgpu) {
      if (this.#pace && !this.#loading.webgpu && !this.#pace.isGpuWanted(texts)) return whole("wasm");
      this.#startGpu();
      if (!this.#pace) return whole("wasm");
    }
    return this.#pace.next(texts, this.#engines.webgpu !== undefined);
  }

  async #runPart(device, part, work, options) {
    if (device === "webgpu") {
      try {
        return await this.#timed(device, part, work, options);
      } catch (error) {
        throwIfAborted(options.signal);
        throwIfAborted(this.#closing.signal);
        if (!isGpuFailure(error, this.#engines.webgpu)) throw error;
        this.#gpuFailed(error);
      }
    }
    await this.#cpu(options.signal);
    return this.#timed("wasm", part, work, options);
  }

  async #timed(device, part, work, options) {
    throwIfAborted(this.#closing.signal);
    const began = performance.now();
    // The load for the GPU takes time of the same thread.
    let isDisturbed = this.#loading.webgpu !== undefined;
    const result = await work(this.#engines[device], part, options);
    if (!this.#pace) return result;
    isDisturbed ||= this.#loading.webgpu !== undefined;
    this.#pace.measured(device, part, performance.now() - began, { isDisturbed });
    if (this.#pace.stage > this.#learnedStage) this.#learned();
    return result;
  }

  /** Both devices were measured. A GPU that is no faster is freed. */
  #learned() {
    this.#learnedStage = this.#pace.stage;
    this.#onLearned?.(this.#pace, this.#engines.webgpu?.variants);
    if (!this.#pace.isGpuUseless) return;
    this.#engines.webgpu?.free();
    this.#engines.webgpu = undefined;
    this.#isGpuUsable = false;
    this.fallback = slower(this.gpu);
  }

  #gpuFailed(error) {
    const engine = this.#engines.webgpu;
    this.#engines.webgpu = undefined;
    this.#isGpuUsable = false;
    this.#failure = { error, engine };
    this.fallback = messageOf(error);
    // A source that cannot be read says nothing of the GPU.
    if (engine || isGpuLoadError(error)) this.#history.failed(this.fallback);
  }

  /** Returns the engine on the CPU. Loads it if the GPU had the model alone. Then reports a failure of the GPU. */
  async #cpu(signal) {
    if (!this.#engines.wasm) {
      try {
        await untilAborted(this.#loadOnce("wasm"), signal);
      } catch (cause) {
        throwIfAborted(signal);
        throwIfAborted(this.#closing.signal);
        if (!(cause instanceof CoromError)) throw cause; // onProgress has thrown it
        throw new CoromError("GPU_FAILED", `${this.fallback}; the CPU cannot take over: ${cause.message}`, { cause });
      }
    }
    if (this.#failure) {
      const { error, engine } = this.#failure;
      const isLost = this.#history.isFirst && (isLoss(error) || (await isDeviceLost(engine, signal)));
      throwIfAborted(this.#closing.signal);
      this.#failure = undefined;
      this.#isGpuUsable = isLost;
      if (isLost) this.#history.forgive();
      engine?.free();
      this.#warn("GPU_FALLBACK", `the CPU goes on without the GPU: ${messageOf(error)}`, error);
    }
    return this.#engines.wasm;
  }

  /** Loads the model for the GPU while the CPU runs it. */
  #startGpu() {
    if (this.#loading.webgpu) return;
    this.#loadOnce("webgpu").then(
      () => (this.fallback = undefined),
      (error) => {
        if (!this.#closing.signal.aborted) this.#gpuFailed(error); // the next part on the CPU reports it
      },
    );
  }

  #loadOnce(device) {
    throwIfAborted(this.#closing.signal);
    this.#loading[device] ??= this.#load(device, this.#closing.signal)
      .then((engine) => {
        if (!this.#closing.signal.aborted) return (this.#engines[device] = engine);
        engine.free();
        throw this.#closing.signal.reason;
      })
      .finally(() => (this.#loading[device] = undefined));
    return this.#loading[device];
  }
}

/**
 * Errors of a call that a GPU can cause: INVALID_MODEL is that of a result that is not finite. If the model is at fault, the
 * CPU says so.
 */
const GPU_ERRORS = ["GPU_FAILED", "INVALID_MODEL", "OUT_OF_MEMORY", "INTERNAL"];

/** An error of the GPU, or of its WebAssembly instance: a driver can also make that crash. */
const isGpuFailure = (error, engine) =>
  error instanceof CoromError && (GPU_ERRORS.includes(error.code) || engine.hasDeviceFailed || !engine.isAlive);

/** Why the CPU runs the model although there is a GPU. */
export const slower = (gpu) => `the CPU is at least as fast as the GPU (${gpu})`;
