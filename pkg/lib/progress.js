// Progress events of a load.

export class Progress {
  #callback;
  #files = new Map();

  constructor(callback) {
    this.#callback = callback;
  }

  /** A file is about to be fetched; its size may be known. */
  expect(file, size) {
    this.#files.set(file, { loaded: 0, total: size });
  }

  moved(file, loaded, total) {
    this.#files.set(file, { loaded, total });
    this.report("download", file);
  }

  /** There is no such file, so its bytes count no more. */
  forget(file) {
    this.#files.delete(file);
  }

  report(phase, file) {
    if (!this.#callback) return;
    const event = { phase, loaded: this.#sum("loaded"), total: this.#sum("total") };
    if (file !== undefined) {
      const { loaded, total } = this.#files.get(file);
      Object.assign(event, { file, fileLoaded: loaded, fileTotal: total });
    }
    this.#callback(event);
  }

  /** undefined as long as one of the files is of unknown size. */
  #sum(field) {
    let sum = 0;
    for (const file of this.#files.values()) sum += file[field] ?? NaN;
    return Number.isNaN(sum) ? undefined : sum;
  }
}
