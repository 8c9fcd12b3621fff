// Reports the progress of a load to `onProgress`.

/** The rate is the mean of this time. */
const RATE_WINDOW_MS = 3000;
/** Bytes that arrive within this time are counted together. */
const RATE_SAMPLE_MS = 100;

export class ProgressReporter {
  #callback;
  #files = new Map();
  #manifestTotal;
  #samples = [];

  constructor(callback) {
    this.#callback = callback;
  }

  /**
   * Adds a file that is about to be transferred. `size` may be undefined. `isListed`: the manifest lists the file. A file
   * that is expected again, because the load starts again, keeps its count.
   */
  expect(file, size, isListed = false) {
    const { loaded = 0, total = size } = this.#files.get(file) ?? {};
    this.#files.set(file, { loaded, total, isListed });
  }

  /** Sets the total bytes of the files in the manifest; undefined if there is no manifest. */
  setManifestTotal(bytes) {
    this.#manifestTotal = bytes;
  }

  /** Reports the bytes of a file so far. `phase`: `download` from the source, or `verify` from the cache. */
  update(phase, file, loaded, total) {
    const state = this.#files.get(file);
    if (phase === "download" && loaded > state.loaded) this.#addSample(loaded - state.loaded);
    Object.assign(state, { loaded, total: total ?? state.total });
    this.report(phase, file);
  }

  /** Removes a file that does not exist. */
  remove(file) {
    this.#files.delete(file);
  }

  /** Sends an event. `file` is the file that changed, if there is one. */
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

  /** Sends a warning about a problem that does not stop the load. */
  warn(code, message, cause) {
    this.#callback?.({ phase: "warning", code, message, ...(cause === undefined ? {} : { cause }) });
  }

  /** Returns the total bytes; undefined while the size of a file is unknown. */
  #total(phase) {
    if (phase !== "download" && phase !== "verify") return this.#sum("loaded");
    if (this.#manifestTotal === undefined) return this.#sum("total");
    return this.#manifestTotal + this.#sum("total", (file) => !file.isListed);
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

  /** Returns the recent rate in bytes per second; undefined at the beginning. */
  #rate() {
    if (this.#samples.length === 0) return undefined;
    const span = performance.now() - this.#samples[0].now;
    return span < RATE_SAMPLE_MS ? undefined : this.#samples.reduce((sum, { bytes }) => sum + bytes, 0) / (span / 1000);
  }
}
