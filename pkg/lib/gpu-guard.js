// Opens a GPU for the WebAssembly instance of a model, and watches it.
//
// The Rust core uses WebGPU through wgpu, which can neither watch a device for every kind of error nor take a device that
// is open already. So this module opens the device, and gives wgpu objects of its own in place of `navigator.gpu`, of the
// adapter and of the device (`scope`). Models share a device: each has a lease of it. A lease knows the buffers of its
// instance, and destroys them also when the instance has crashed.
import { throwIfAborted, untilAborted } from "./abort.js";
import { withinLimit } from "./device/limit.js";
import { SharedDevice } from "./device/shared-device.js";
import { CoromError, messageOf } from "./errors.js";
import { yieldToEventLoop } from "./yield-timer.js";

/** The longest time until a result arrives. A processor that emulates a GPU is slow. */
const DEADLINE_MS = 60_000;
const SOFTWARE_DEADLINE_MS = 600_000;
/** A deadline is counted in so many parts, so that a computer that was asleep has not missed it. */
const DEADLINE_PARTS = 10;

/** The time of a submission where a page draws between submissions, and elsewhere. */
const PAGE_SUBMISSION_MS = 20;
const SUBMISSION_MS = 100;
const isPage = typeof document !== "undefined";

/**
 * Firefox (153) delivers results every 100 ms, or with the next submission. While a lease waits there, it makes an empty
 * submission at such intervals.
 */
const EMPTY_SUBMISSION_MS = 5;
const deliversLate = /\bFirefox\//.test(globalThis.navigator?.userAgent);

/** The longest time that WebGPU gets to return an adapter, and then a device: other pages may have the GPU busy. */
const OPEN_LIMIT_MS = 60_000;

/** The open devices, as promises, by the `GPU` object that they are of. */
const devices = new WeakMap();

/**
 * Returns a lease of the device of `gpu`, or undefined if there is no adapter, or only one that the processor emulates and
 * `allowSoftware` is false. Throws GPU_FAILED if the adapter gives no device. Rejects as soon as the signal aborts; a lease
 * that comes later is freed.
 */
export async function leaseGpu({ signal, ...options } = {}) {
  throwIfAborted(signal);
  const leasing = leaseOpened(options);
  try {
    return await untilAborted(leasing, signal);
  } catch (error) {
    leasing.then((lease) => lease?.free(), () => {});
    throw error;
  }
}

async function leaseOpened({ gpu = globalThis.navigator?.gpu, allowSoftware = false, deadlineMs }) {
  if (!gpu) return undefined;
  for (;;) {
    if (!devices.has(gpu)) devices.set(gpu, openDevice(gpu));
    const opening = devices.get(gpu);
    let shared;
    try {
      shared = await opening;
    } catch (error) {
      if (devices.get(gpu) === opening) devices.delete(gpu);
      throw error;
    }
    if (!shared) {
      if (devices.get(gpu) === opening) devices.delete(gpu); // an adapter may appear later
      return undefined;
    }
    if (shared.isClosed) continue; // its last lease was freed meanwhile
    if (!shared.info.isSoftware || allowSoftware) return new GpuLease(shared, deadlineMs);
    shared.closeIfUnused();
    return undefined;
  }
}

async function openDevice(gpu) {
  const asked = Promise.resolve(gpu.requestAdapter({ powerPreference: "high-performance" })).catch(() => null);
  const adapter = await withinLimit(asked, OPEN_LIMIT_MS, "WebGPU does not answer");
  if (!adapter) return undefined;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
  try {
    const opening = adapter.requestDevice({ label: "corom", requiredLimits });
    const device = await withinLimit(opening, OPEN_LIMIT_MS, "WebGPU opens no device", (late) => late.destroy());
    return new SharedDevice({ gpu, adapter, device }, () => devices.delete(gpu));
  } catch (cause) {
    throw new CoromError("GPU_FAILED", `the GPU cannot be used: ${messageOf(cause)}`, { cause });
  }
}

class GpuLease {
  #shared;
  #deadlineMs;
  #buffers = new Set();
  #waiting = new Set();
  #listener;
  #failure;
  #isLost = false;

  constructor(shared, deadlineMs) {
    this.#shared = shared;
    this.info = shared.info;
    this.#deadlineMs = deadlineMs ?? (this.info.isSoftware ? SOFTWARE_DEADLINE_MS : DEADLINE_MS);
    /** The argument of `Gpu.open` in WebAssembly. */
    const { name, vendor, isSoftware } = this.info;
    this.options = { name, vendor, isSoftware, submissionMs: isPage ? PAGE_SUBMISSION_MS : SUBMISSION_MS };
    this.scope = this.#scope();
    shared.add(this);
  }

  /** Returns the first failure: a text, or undefined. */
  get failure() {
    return this.#failure;
  }

  /**
   * Returns true if the failure is that the device was lost, after sleep for instance or when a driver starts again, or that
   * the driver had an internal error.
   */
  get isLost() {
    return this.#isLost;
  }

  /** The number of buffers that were not destroyed. */
  get buffers() {
    return this.#buffers.size;
  }

  /** Calls `listener(reason)` once the device fails, or at once if it has failed. */
  onFailure(listener) {
    if (this.#failure === undefined) this.#listener = listener;
    else listener(this.#failure);
  }

  fail(reason) {
    if (this.#failure !== undefined || !this.#shared) return;
    this.#failure = reason;
    this.#isLost = this.#shared.isLost;
    try {
      this.#listener?.(reason);
    } catch {
      // The instance has crashed. The other leases are told nevertheless.
    }
    this.#wake();
  }

  /**
   * Resolves when a result has arrived, the device has failed, or the lease was freed. A device that returns no result until
   * the deadline has failed.
   */
  async wait() {
    if (this.#failure !== undefined || !this.#shared) return yieldToEventLoop();
    let parts = 0;
    const seconds = this.#deadlineMs / 1000;
    const timer = setInterval(() => {
      if (++parts === DEADLINE_PARTS) this.#shared?.fail(`it has not answered for ${seconds} s`);
    }, this.#deadlineMs / DEADLINE_PARTS);
    const submitting = deliversLate ? setInterval(() => this.#shared?.device.queue.submit([]), EMPTY_SUBMISSION_MS) : undefined;
    await new Promise((resolve) => this.#waiting.add(resolve));
    clearInterval(timer);
    clearInterval(submitting);
  }

  /** Destroys the buffers, and the device if no other lease of it is left. */
  free() {
    const shared = this.#shared;
    if (!shared) return;
    for (const buffer of [...this.#buffers]) buffer.destroy();
    this.#shared = undefined;
    this.#listener = undefined;
    shared.remove(this);
    this.#wake();
  }

  /** A piece of work has ended, so the instance may send the next one. */
  #workDone() {
    const done = this.#shared.device.queue.onSubmittedWorkDone();
    const wake = () => this.#wake();
    // In a later task than the callback in WebAssembly, which is several microtasks away.
    done.then(yieldToEventLoop).then(wake, wake);
    return done;
  }

  #wake() {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** The object that wgpu takes for `self`. */
  #scope() {
    const { gpu, adapter, device } = this.#shared;
    const queue = this.#guarded(device.queue, { onSubmittedWorkDone: this.#caught(() => this.#workDone()) });
    const createBuffer = (descriptor) => this.#track(device.createBuffer(descriptor));
    const own = { queue, createBuffer: this.#caught(createBuffer), destroy: () => this.free() };
    const guardedAdapter = {
      info: adapter.info ?? {},
      limits: adapter.limits,
      features: new Set(adapter.features),
      requestDevice: async () => this.#guarded(device, own),
    };
    // As Sets, because wgpu iterates over them, and those of the npm package webgpu have no iterator of the usual form.
    const wgslLanguageFeatures = new Set(gpu.wgslLanguageFeatures ?? []);
    return { Window: true, navigator: { gpu: { wgslLanguageFeatures, requestAdapter: async () => guardedAdapter } } };
  }

  /** Returns an object that does what `target` does, except for its `own` members, and whose methods never throw. */
  #guarded(target, own) {
    return new Proxy(target, {
      get: (_, name) => {
        if (Object.hasOwn(own, name)) return own[name];
        const value = target[name];
        return typeof value === "function" ? this.#caught(value.bind(target)) : value;
      },
    });
  }

  /** An error that a call of WebGPU throws would end the WebAssembly instance. It becomes a failure of the lease instead. */
  #caught(work) {
    return (...args) => {
      try {
        this.#shared?.enter(this);
        return work(...args);
      } catch (error) {
        this.fail(messageOf(error));
        return nothing;
      }
    };
  }

  #track(buffer) {
    const { destroy, mapAsync } = buffer;
    this.#buffers.add(buffer);
    buffer.destroy = () => {
      this.#buffers.delete(buffer);
      destroy.call(buffer);
    };
    buffer.mapAsync = (...args) => {
      let mapping;
      try {
        this.#shared?.enter(this);
        mapping = mapAsync.apply(buffer, args);
      } catch (error) {
        mapping = Promise.reject(error); // a throw would end the WebAssembly instance
      }
      // A result is read only when it is known that no call before it was an error.
      const mapped = mapping.then(() => this.#shared?.reported());
      const wake = () => this.#wake();
      // In a later microtask than the callback in WebAssembly.
      mapped.then(wake, wake);
      return mapped;
    };
    return buffer;
  }
}

/** The result of a call that failed: each of its members is a function that returns it. */
const nothing = /* @__PURE__ */ new Proxy(() => nothing, { get: (_, name) => (name === Symbol.toPrimitive ? () => 0 : nothing) });
