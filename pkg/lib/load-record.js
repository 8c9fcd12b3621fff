// Keeps the files of a load, so that the other workers of a pool load the same model without a request (see
// worker/pool-load.js). The bytes are in Blobs: sending a Blob to another thread copies nothing, and a browser may keep
// it on disk.

/**
 * Key of a private option of `Corom.load`: a LoadRecord. The key is a symbol, because it is no option for callers.
 */
export const LOAD_RECORD = Symbol("load record");

/** Bytes of a file that are collected before they become a Blob. */
const PART_BYTES = 4 << 20;

export class LoadRecord {
  #module;
  #model;
  #isRemote = false;
  #files = new Map();
  #parts = new Map();

  /** Begins a load from `source`, which has been opened, with a compiled module. A load may begin again. */
  begin(module, source) {
    this.#module = module;
    this.#model = source.model;
    this.#isRemote = source.mirrors[0].remote === true;
    this.#files.clear();
    this.#parts.clear();
  }

  /** Wraps `sink`, the loader (see load.js): the result records every file that the loader accepts. */
  wrap(sink) {
    if (!this.#isRemote) return sink; // what is in memory or on a disk can be read again
    return {
      ...sink,
      begin: (path, ...rest) => {
        sink.begin(path, ...rest);
        this.#files.delete(path);
        this.#parts.set(path, { blobs: [], pending: [], bytes: 0 });
      },
      feed: (path, chunk) => {
        sink.feed(path, chunk);
        const part = this.#parts.get(path);
        part.pending.push(chunk.slice());
        part.bytes += chunk.length;
        if (part.bytes >= PART_BYTES) seal(part);
      },
      end: (path, ...rest) => {
        const ended = sink.end(path, ...rest);
        const part = this.#parts.get(path);
        seal(part);
        this.#files.set(path, new Blob(part.blobs));
        this.#parts.delete(path);
        return ended;
      },
      missing: (path) => {
        sink.missing(path);
        this.#files.delete(path);
        this.#parts.delete(path);
      },
    };
  }

  /**
   * Returns what another thread needs to load the same model: the compiled `module`; `files`, a list of paths and Blobs,
   * undefined if the source can be read again; and `model`, the path of the ONNX file that the source's URL named.
   */
  get handed() {
    const files = this.#isRemote ? [...this.#files] : undefined;
    return { module: this.#module, files, model: files && this.#model };
  }
}

/** Makes a Blob of the bytes that are pending. */
function seal(part) {
  if (part.pending.length > 0) part.blobs.push(new Blob(part.pending));
  part.pending = [];
  part.bytes = 0;
}
