// How long the CPU and the GPU take, learned from real calls, and the choice between them. A size is the number of
// UTF-16 code units of some texts, each cut at 512, plus two for special tokens: tokens are only known afterwards.

/** Texts of a portion of a reranker's call, on average at most (pair-portions.js), and its least share of the call. */
const MAX_PORTION_TEXTS = 48;
const PORTION_SHARE = 1 / 4;
/** Share of a new sample in the average of its size. */
const NEW_SAMPLE_WEIGHT = 0.4;
/** Timers are rounded; a run takes some time. */
const MIN_MS = 0.01;
/** Texts of the first calls on the GPU: few, because it may be slow. */
const TRIAL_TEXTS = [8, 64];
/** Texts of a run that shows the time per text. Shorter lists show it when they have so many texts together. */
const LONG_TRIAL_TEXTS = 32;
/** Texts of a part that runs on the CPU while the GPU may be ready soon, and of a part on the GPU. */
const CPU_TEXTS = 64;
const GPU_TEXTS = 256;
/** Time that the CPU must have spent, or would spend, on lists of texts before the GPU's model is loaded. */
const LOAD_AFTER_MS = 2000;
/** The GPU must take less than this share of the CPU's time, because the estimates have errors. */
const MIN_GAIN = 0.9;
/**
 * A sample counts as at most so many times the average before it. While it was taken, the computer may have been asleep,
 * or another page may have had the GPU.
 */
const MAX_DEVIATION = 4;
/** The slower device runs a part again when that takes at most this share of the time since it last ran. */
const PROBE_SHARE = 0.05;
const MAX_TEXT_SIZE = 512;

export const sizeOf = (texts) => texts.reduce((sum, text) => sum + Math.min(text.length, MAX_TEXT_SIZE) + 2, 0);

export class Pace {
  /** Per device a Map from a power of two to `{ size, ms }`: averages of the runs of about that size. */
  #samples = { wasm: new Map(), webgpu: new Map() };
  #spentMs = 0;
  #trialTexts = 0;
  #isComplete = false;
  /** The samples of the CPU were taken while the same thread loaded the model for the GPU. */
  #isProvisional = false;
  /** The average size of a text of a list. */
  #textSize;
  /** Per device the time of the lists that the other device has run since. */
  #unusedMs = { wasm: 0, webgpu: 0 };

  /** Takes the time of a run. `isDisturbed`: the thread had other work meanwhile. */
  measured(device, texts, ms, { isDisturbed = false } = {}) {
    if (texts.length === 0) return;
    const size = sizeOf(texts);
    ms = this.#bounded(device, size, Math.max(ms, MIN_MS));
    if (texts.length > 1) this.#countList(device, size / texts.length, ms);
    if (device === "wasm") {
      const isKnown = this.#samples.wasm.size > 0;
      if (isDisturbed && isKnown && !this.#isProvisional) return;
      const isFirm = !isDisturbed && texts.length >= TRIAL_TEXTS[0];
      if (this.#isProvisional && isFirm) this.#samples.wasm.clear();
      this.#isProvisional = isKnown ? this.#isProvisional && !isFirm : isDisturbed;
    } else {
      if (this.#trialTexts > 0 || texts.length >= TRIAL_TEXTS[0]) this.#trialTexts += texts.length;
      if (texts.length >= LONG_TRIAL_TEXTS) this.#isComplete = true;
    }
    this.#add(device, size, ms);
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

  /**
   * Returns 0 until both devices were measured; 1 if the GPU was measured with short lists, which show little of its time
   * per text; 2 when both are known.
   */
  get stage() {
    if (this.#samples.wasm.size === 0 || this.#isProvisional) return 0;
    if (this.#isComplete) return 2;
    return this.#trialTexts >= TRIAL_TEXTS[0] + LONG_TRIAL_TEXTS ? 1 : 0;
  }

  /** Returns whether both devices were measured. */
  get isKnown() {
    return this.stage > 0;
  }

  /** Returns whether the GPU is faster for a part of a long list, though it may be slower for a short one. */
  get isGpuFaster() {
    return this.#gains(GPU_TEXTS * this.#textSize);
  }

  /** Returns whether no list makes the GPU worth its memory. */
  get isGpuUseless() {
    if (this.stage === 2) return !this.isGpuFaster;
    // Nothing is known of the time per text, so it counts as none.
    const leastMs = Math.max(...[...this.#samples.webgpu.values()].map(({ ms }) => ms));
    return leastMs >= MIN_GAIN * this.estimate("wasm", GPU_TEXTS * this.#textSize);
  }

  /** Returns the device for a call of `count` texts, which arrive in portions. `texts` is the first one. */
  deviceFor(texts, count) {
    const portion = Math.max(texts.length, Math.min(PORTION_SHARE * count, MAX_PORTION_TEXTS));
    return this.isKnown && this.#gains((sizeOf(texts) / texts.length) * portion) ? "webgpu" : "wasm";
  }

  /**
   * Returns the device and the number of the next texts. `isGpuReady`: the model is on the GPU. `isTrial`: the device is
   * only to be measured.
   */
  next(texts, isGpuReady) {
    const onCpu = { device: "wasm", count: CPU_TEXTS };
    if (!isGpuReady) return onCpu;
    const { stage } = this;
    if (stage < 2) {
      const isTrial = texts.length >= (stage === 0 ? TRIAL_TEXTS[0] : LONG_TRIAL_TEXTS);
      // A trial takes a part of a list. One text alone stays on the CPU, until both are known.
      const isCpuKnown = this.#samples.wasm.size > 0 && !this.#isProvisional;
      if (isTrial && isCpuKnown) {
        return { device: "webgpu", count: TRIAL_TEXTS[this.#trialTexts === 0 ? 0 : 1], isTrial: true };
      }
      if (stage === 0) return onCpu;
    }
    const part = texts.slice(0, GPU_TEXTS);
    const onGpu = { device: "webgpu", count: GPU_TEXTS };
    const [best, other] = this.#gains(sizeOf(part)) ? [onGpu, onCpu] : [onCpu, onGpu];
    return this.#isProbeDue(other, texts) ? { ...other, isTrial: true } : best;
  }

  /** Returns what is known, as plain data. */
  toJSON() {
    const samples = Object.fromEntries(Object.entries(this.#samples).map(([device, map]) => [device, [...map]]));
    return { samples, textSize: this.#textSize, isComplete: this.#isComplete };
  }

  /** Takes the data of `toJSON` of another program. Returns false if they are no such data. */
  restore(data) {
    try {
      const samples = Object.entries(this.#samples).map(([device]) => [device, new Map(data.samples[device].map(checkedSample))]);
      if (samples.some(([, map]) => map.size === 0) || !(data.textSize > 0)) return false;
      this.#samples = Object.fromEntries(samples);
      this.#textSize = data.textSize;
      this.#trialTexts = TRIAL_TEXTS[0] + LONG_TRIAL_TEXTS;
      this.#isComplete = data.isComplete === true;
      return true;
    } catch {
      return false;
    }
  }

  #gains(size) {
    return this.estimate("webgpu", size) < MIN_GAIN * this.estimate("wasm", size);
  }

  #countList(device, textSize, ms) {
    if (device === "wasm") this.#spentMs += ms;
    this.#unusedMs[device] = 0;
    this.#unusedMs[device === "wasm" ? "webgpu" : "wasm"] += ms;
    this.#textSize = mixed(this.#textSize, textSize);
  }

  /**
   * Returns whether the slower device should run a part of a list, so that a wrong estimate of it is corrected. A shorter
   * part than it has run before would not correct the time per text.
   */
  #isProbeDue({ device, count }, texts) {
    const size = sizeOf(texts.slice(0, count));
    const isLong = texts.length >= count || keyOf(size) >= Math.max(...this.#samples[device].keys());
    return isLong && texts.length >= TRIAL_TEXTS[0] && this.estimate(device, size) <= PROBE_SHARE * this.#unusedMs[device];
  }

  /** Returns the time, or less if it deviates too much from the times of that size. */
  #bounded(device, size, ms) {
    const before = this.#samples[device].get(keyOf(size));
    return before ? Math.min(ms, MAX_DEVIATION * before.ms) : ms;
  }

  #add(device, size, ms) {
    const before = this.#samples[device].get(keyOf(size));
    this.#samples[device].set(keyOf(size), { size: mixed(before?.size, size), ms: mixed(before?.ms, ms) });
  }
}

const keyOf = (size) => 2 ** Math.round(Math.log2(size));

/** Returns the average with a new sample; the sample if there is no average yet. */
const mixed = (before, sample) => (before === undefined ? sample : before + NEW_SAMPLE_WEIGHT * (sample - before));

function checkedSample([key, { size, ms }]) {
  if (![key, size, ms].every((number) => Number.isFinite(number) && number > 0)) throw new TypeError("no sample");
  return [key, { size, ms }];
}
