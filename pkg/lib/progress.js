// Progress events of a load.

/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 3000;
const RATE_SAMPLE_MS = 100;

export class ProgressReporter {
  #callback;
  #files = new Map();
  #manifestTotal;
  #samples = [];

  constructor(callback) {
    this.#callback = callback;
  }

  /** A file is about to be fetched; its size may be known. `listed`: it is in the manifest. */
  expect(file, size, isListed = false) {
    this.#files.set(file, { loaded: 0, total: size, isListed });
  }

  /** Bytes of all files in the manifest, once there is one. */
  setManifestTotal(bytes) {
    this.#manifestTotal = bytes;
  }

  /** Bytes of a file have come: `download` from its source, `verify` from the cache, where they are only checked. */
  update(phase, file, loaded, total) {
    const state = this.#files.get(file);
    if (phase === "download" && loaded > state.loaded) this.#addSample(loaded - state.loaded);
    Object.assign(state, { loaded, total: total ?? state.total });
    this.report(phase, file);
  }

  /** There is no such file, so its bytes count no more. */
  remove(file) {
    this.#files.delete(file);
  }

  report(phase, file) {
    if (!this.#callback) return;
    const event = { phase, loaded: this.#sum("loaded"), total: this.#total(phase) };
    if (phase === "download") event.rate = this.#rate();
    if (file !== undefined) {
      const { loaded, total } = this.#files.get(file);
      Object.assign(event, { file, fileLoaded: loaded, fileTotal: total });
    }
    this.#callback(event);
  }

  /** Something went wrong that the load survives. */
  warn(code, message, cause) {
    this.#callback?.({ phase: "warning", code, message, ...(cause === undefined ? {} : { cause }) });
  }

  /** undefined as long as one of the files is of unknown size. */
  #total(phase) {
    if (phase !== "download" && phase !== "verify") return this.#sum("loaded");
    return this.#manifestTotal === undefined ? this.#sum("total") : this.#manifestTotal + this.#sum("total", (file) => !file.isListed);
  }

  #sum(field, which = () => true) {
    let sum = 0;
    for (const file of this.#files.values()) if (which(file)) sum += file[field] ?? NaN;
    return Number.isNaN(sum) ? undefined : sum;
  }

  #addSample(bytes) {
    const now = performance.now();
    const last = this.#samples.at(-1);
    if (last && now - last.now < RATE_SAMPLE_MS) last.bytes += bytes;
    else this.#samples.push({ now, bytes });
    while (now - this.#samples[0].now > RATE_WINDOW_MS) this.#samples.shift();
  }

  /** Bytes per second of late; undefined before anything has come. */
  #rate() {
    if (this.#samples.length === 0) return undefined;
    const span = performance.now() - this.#samples[0].now;
    return span < RATE_SAMPLE_MS ? undefined : this.#samples.reduce((sum, { bytes }) => sum + bytes, 0) / (span / 1000);
  }
}
