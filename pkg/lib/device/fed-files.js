// Identifies the files of a load that nothing states a hash of, such as those of an ONNX export: hashes what is fed.

export class FedFiles {
  #createHasher;
  #hashers = new Map();
  #hashes = new Map();

  /** `createHasher` is what `createHasherFactory` of the host returns; undefined where files cannot be hashed. */
  constructor(createHasher) {
    this.#createHasher = createHasher;
  }

  /** Wraps `sink`, the loader (see load.js): the result hashes every file that is fed, except those with a SHA-256. */
  wrap(sink) {
    if (!this.#createHasher) return sink;
    const forget = (path) => {
      this.#hashers.delete(path);
      this.#hashes.delete(path);
    };
    return {
      ...sink,
      begin: (path, size, isHashed) => {
        sink.begin(path, size, isHashed);
        forget(path);
        // Without a size, because the host may know it in one load only, and the size of the pieces depends on it.
        if (!isHashed) this.#hashers.set(path, this.#createHasher({ pieces: true }));
      },
      feed: (path, chunk) => {
        sink.feed(path, chunk);
        this.#hashers.get(path)?.update(chunk);
      },
      end: (path, ...rest) => {
        const ended = sink.end(path, ...rest);
        if (this.#hashers.has(path)) this.#hashes.set(path, this.#hashers.get(path).digest());
        this.#hashers.delete(path);
        return ended;
      },
      missing: (path) => {
        sink.missing(path);
        forget(path);
      },
    };
  }

  /** Returns the paths and hashes of all files that were hashed; undefined without any. */
  async content() {
    const paths = [...this.#hashes.keys()].sort();
    const lines = await Promise.all(paths.map(async (path) => `${path} ${await this.#hashes.get(path)}\n`));
    return lines.join("") || undefined;
  }
}
