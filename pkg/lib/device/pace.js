// How long the CPU and the GPU take, learned from real calls, and the choice between them. A size is the number of
// UTF-16 code units of some texts, each cut at 512, plus two for special tokens: tokens are only known afterwards.

/** Share of a new sample in the average of its size. */
const NEW_SAMPLE_WEIGHT = 0.4;
/** Timers are rounded; a run takes some time. */
const MIN_MS = 0.01;
/** Texts of the first calls on the GPU: few, because it may be slow. */
const TRIAL_TEXTS = [8, 64];
/** Texts of a part that runs on the CPU while the GPU may be ready soon, and of a part on the GPU. */
const CPU_TEXTS = 64;
const GPU_TEXTS = 256;
/** Time that the CPU must have spent, or would spend, on lists of texts before the GPU's model is loaded. */
const LOAD_AFTER_MS = 2000;
/** The GPU must take less than this share of the CPU's time, because the estimates have errors. */
const MIN_GAIN = 0.9;
const MAX_TEXT_SIZE = 512;

export const sizeOf = (texts) => texts.reduce((sum, text) => sum + Math.min(text.length, MAX_TEXT_SIZE) + 2, 0);

export class Pace {
  /** Per device a Map from a power of two to `{ size, ms }`: averages of the runs of about that size. */
  #samples = { wasm: new Map(), webgpu: new Map() };
  #spentMs = 0;
  #trials = 0;

  /** Takes the time of a run. */
  measured(device, texts, ms) {
    if (texts.length === 0) return;
    if (device === "wasm" && texts.length > 1) this.#spentMs += ms;
    // The second trial counts only if it has so many texts that it shows the time per text.
    if (device === "webgpu" && texts.length >= TRIAL_TEXTS[this.#trials] / 2) this.#trials++;
    this.#add(device, sizeOf(texts), Math.max(ms, MIN_MS));
  }

  /** Returns the estimated time of a run; undefined if nothing is known of the device. */
  estimate(device, size) {
    const known = [...this.#samples[device].values()].sort((a, b) => a.size - b.size);
    if (known.length === 0) return undefined;
    const [first, last] = [known[0], known.at(-1)];
    const slope = last.size > first.size ? Math.max(0, (last.ms - first.ms) / (last.size - first.size)) : undefined;
    if (slope === undefined) {
      // One sample does not show how much of the time is per call. On a GPU, a smaller run may take as long.
      return device === "webgpu" && size < first.size ? first.ms : (first.ms * size) / first.size;
    }
    return Math.max(0, first.ms - slope * first.size) + slope * size;
  }

  /** Returns whether enough work waits for the GPU to be worth its load. */
  isGpuWanted(texts) {
    if (texts.length < TRIAL_TEXTS[0]) return false;
    const rest = this.estimate("wasm", sizeOf(texts));
    return rest === undefined ? texts.length >= 4 * CPU_TEXTS : this.#spentMs + rest >= LOAD_AFTER_MS;
  }

  /** Returns whether both devices were measured. */
  get isKnown() {
    return this.#trials === TRIAL_TEXTS.length && this.#samples.wasm.size > 0;
  }

  /** Returns whether the GPU is faster for a list of texts of the usual length. */
  get isGpuFaster() {
    const size = Math.max(...this.#samples.webgpu.keys());
    return this.#gains(size);
  }

  /** Returns the device and the number of the next texts. `isGpuReady`: the model is on the GPU. */
  next(texts, isGpuReady) {
    if (!isGpuReady) return { device: "wasm", count: CPU_TEXTS };
    if (!this.isKnown) {
      // A trial takes a part of a list. One text alone stays on the CPU, until both are known.
      if (texts.length < TRIAL_TEXTS[0] || this.#samples.wasm.size === 0) return { device: "wasm", count: CPU_TEXTS };
      return { device: "webgpu", count: TRIAL_TEXTS[this.#trials] };
    }
    const part = texts.slice(0, GPU_TEXTS);
    return this.#gains(sizeOf(part)) ? { device: "webgpu", count: GPU_TEXTS } : { device: "wasm", count: CPU_TEXTS };
  }

  /** Returns what is known, as plain data. */
  toJSON() {
    return { samples: Object.fromEntries(Object.entries(this.#samples).map(([device, map]) => [device, [...map]])) };
  }

  /** Takes the data of `toJSON` of another program. Returns false if they are no such data. */
  restore(data) {
    try {
      const samples = Object.entries(this.#samples).map(([device]) => [device, new Map(data.samples[device].map(checkedSample))]);
      if (samples.some(([, map]) => map.size === 0)) return false;
      this.#samples = Object.fromEntries(samples);
      this.#trials = TRIAL_TEXTS.length;
      return true;
    } catch {
      return false;
    }
  }

  #gains(size) {
    return this.estimate("webgpu", size) < MIN_GAIN * this.estimate("wasm", size);
  }

  #add(device, size, ms) {
    const key = 2 ** Math.round(Math.log2(size));
    const before = this.#samples[device].get(key) ?? { size, ms };
    const mixed = (a, b) => a + NEW_SAMPLE_WEIGHT * (b - a);
    this.#samples[device].set(key, { size: mixed(before.size, size), ms: mixed(before.ms, ms) });
  }
}

function checkedSample([key, { size, ms }]) {
  if (![key, size, ms].every((number) => Number.isFinite(number) && number > 0)) throw new TypeError("no sample");
  return [key, { size, ms }];
}
