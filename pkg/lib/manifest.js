// corom.json on its way: it is asked for anew each time, and the one that was cached is for when no server can be reached.
import { CoromError } from "./errors.js";
import { isTransient } from "./transient.js";

const MANIFEST_PATH = "corom.json";

/** Asks for the manifest before there is a loader to want it: it is always the first file of a folder with an address. */
export function prefetchManifest(prefetch, { manifestAddress, model, mirrors }, { loader, fetch, stallTimeoutMs, signal }) {
  if (manifestAddress === undefined || (loader.model ?? model) !== undefined) return;
  prefetch.start(mirrors[0], MANIFEST_PATH, { cache: "no-cache", required: false, fetch, stallTimeoutMs, signal });
}

export class ManifestTransfer {
  #sink;
  #cache;
  #address;
  #progress;
  #bytes = [];

  /** `sink`: the loader, of which this one has its own view, to see the manifest pass. */
  constructor(sink, { cache, address, progress }) {
    this.#sink = sink;
    this.#cache = cache;
    this.#address = address;
    this.#progress = progress;
    this.sink = cache === undefined ? sink : this.#recordingSink(sink);
  }

  /** Brings any file; the manifest's own way is here. */
  async transferFile(file, transfer) {
    if (file.path !== MANIFEST_PATH) return transfer.transferFile(file);
    const cached = await this.#cache?.manifest(this.#address);
    if (!cached) return transfer.transferFile({ ...file, revalidate: true });
    try {
      // With something to fall back on, nobody waits long.
      await transfer.transferFile({ ...file, revalidate: true, hasFallback: true });
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#useCached(cached, error);
    }
  }

  /** Keeps the manifest, now that its model has loaded. */
  async store() {
    if (this.#bytes.length > 0) await this.#cache?.storeManifest(this.#address, concatenate(this.#bytes));
  }

  #useCached(cached, error) {
    try {
      this.#sink.begin(MANIFEST_PATH, cached.length);
      this.#sink.feed(MANIFEST_PATH, cached);
      this.#sink.end(MANIFEST_PATH);
    } catch (unusable) {
      throw unusable instanceof CoromError && unusable.code !== "INTERNAL" ? error : unusable;
    }
    this.#bytes = [];
    this.#progress.update("verify", MANIFEST_PATH, cached.length, cached.length);
    this.#progress.warn("OFFLINE", `${error.message}; the model that was cached is used`, error);
  }

  #recordingSink(sink) {
    return {
      ...sink,
      begin: (path, size, hashed) => {
        sink.begin(path, size, hashed);
        if (path === MANIFEST_PATH) this.#bytes = [];
      },
      missing: (path) => {
        sink.missing(path);
        if (path === MANIFEST_PATH) this.#bytes = []; // of one that broke off
      },
      feed: (path, chunk) => {
        sink.feed(path, chunk);
        if (path === MANIFEST_PATH) this.#bytes.push(chunk.slice());
      },
    };
  }
}

function concatenate(chunks) {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
