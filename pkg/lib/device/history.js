// The failures of an instance's GPU. In `corom/worker` they outlive the worker: the page hands them to the next one
// (worker/supervisor.js), which would otherwise trust a GPU again that has computed wrong results.

import { delay } from "../abort.js";
import { CoromError } from "../errors.js";

/** A lost device is reported later than the results that it does not return, by at most so much. */
const LOST_LIMIT_MS = 200;
const LOST_POLL_MS = 10;

/**
 * Errors of a load for the GPU after which the CPU is tried: those of the GPU, and those that a wrong result or a crash of
 * a driver can cause. If the model is at fault, the load for the CPU says so.
 */
const LOAD_ERRORS = ["GPU_FAILED", "NEEDS_UNFUSED", "SELF_TEST_FAILED", "INVALID_MODEL", "OUT_OF_MEMORY", "INTERNAL"];

export const isGpuLoadError = (error) => error instanceof CoromError && LOAD_ERRORS.includes(error.code);

/** The errors of loads whose device was lost meanwhile, or had an internal error. */
const losses = new WeakSet();

/** Returns the error of a load, marked as one of a lost device. */
export function markLoss(error) {
  if (error instanceof CoromError) losses.add(error);
  return error;
}

export const isLoss = (error) => losses.has(error);

/** Returns whether the device of an engine, or of a runtime, was lost, or is reported lost soon. */
export async function isDeviceLost(engine, signal) {
  for (let ms = 0; ms < LOST_LIMIT_MS && engine?.isDeviceLost === false; ms += LOST_POLL_MS) await delay(LOST_POLL_MS, signal);
  return engine?.isDeviceLost === true;
}

/** Key of a private option of `Corom.load`: a GpuHistory. The key is a symbol, because it is no option for callers. */
export const GPU_HISTORY = Symbol("GPU history");

/** The GPU is used again after a first failure, if the device itself failed: drivers restart, and computers sleep. */
const MAX_FAILURES = 2;

export class GpuHistory {
  /** The number of times that the GPU has failed. */
  failures;
  /** Why the GPU is not used any more; undefined while it may be used. */
  reason;
  /** Another worker had the model before. */
  isRestart;
  #onChange;

  /** `onChange({ failures, reason })` is told each change, as plain data. */
  constructor({ failures = 0, reason, isRestart = false } = {}, onChange = () => {}) {
    Object.assign(this, { failures, reason, isRestart });
    this.#onChange = onChange;
  }

  /** Notes a failure. The GPU is not used again, unless it is forgiven. */
  failed(reason) {
    this.#change(this.failures + 1, reason);
  }

  /** Returns whether a failure can be forgiven. */
  get isFirst() {
    return this.failures < MAX_FAILURES;
  }

  /** Lets the GPU be used once more: the last failure was that the device was lost, or that there was none. */
  forgive() {
    if (this.isFirst) this.#change(this.failures, undefined);
  }

  #change(failures, reason) {
    Object.assign(this, { failures, reason });
    this.#onChange({ failures, reason });
  }
}
