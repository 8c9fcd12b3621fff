// Transfers the manifest, corom.json. It is revalidated with the server on every load. The cached manifest is used only
// when no server can be reached.
import { CoromError } from "./errors.js";
import { isTransient } from "./transient.js";

const MANIFEST_PATH = "corom.json";

/** Requests the manifest before the loader exists. The manifest is always the first file of a source with URLs. */
export function prefetchManifest(prefetch, source, { loader, fetch, stallTimeoutMs, signal }) {
  const { manifestUrl, model, mirrors } = source;
  if (manifestUrl === undefined || (loader.model ?? model) !== undefined) return;
  prefetch.start(mirrors[0], MANIFEST_PATH, { cache: "no-cache", required: false, fetch, stallTimeoutMs, signal });
}

export class ManifestTransfer {
  #sink;
  #cache;
  #url;
  #progress;
  #bytes = [];

  /** Wraps `sink`, the loader (see load.js): the property `sink` records the bytes of the manifest. */
  constructor(sink, { cache, url, progress }) {
    this.#sink = sink;
    this.#cache = cache;
    this.#url = url;
    this.#progress = progress;
    this.sink = cache === undefined ? sink : this.#recordingSink(sink);
  }

  /** Transfers a file. The manifest is handled here; `transfer` handles all other files. */
  async transferFile(file, transfer) {
    if (file.path !== MANIFEST_PATH) return transfer.transferFile(file);
    const cached = await this.#cache?.manifest(this.#url);
    const manifest = { ...file, revalidate: true, isVerified: true };
    if (!cached) return transfer.transferFile(manifest);
    try {
      // With a fallback, only one retry is worth its time.
      await transfer.transferFile({ ...manifest, hasFallback: true });
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#useCached(cached, error);
    }
  }

  /** Stores the manifest in the cache. Called after the model has loaded. */
  async store() {
    if (this.#bytes.length > 0) await this.#cache?.storeManifest(this.#url, concatenate(this.#bytes));
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
    this.#progress.warn("OFFLINE", `${error.message}; the cached model is used`, error);
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
        if (path === MANIFEST_PATH) this.#bytes = []; // discards a manifest that was not completely received
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
