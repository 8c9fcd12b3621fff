// corom.json on its way: it is asked for anew each time, and the one that was kept is for when no server can be reached.
import { CoromError } from "./errors.js";
import { isTransient } from "./transient.js";

const FILE = "corom.json";

/** Asks for the manifest before there is a loader to want it: it is always the first file of a folder with an address. */
export function prefetchManifest(prefetch, { address, model, mirrors }, { loader, fetch, stallTimeoutMs, signal }) {
  if (address === undefined || (loader.model ?? model) !== undefined) return;
  prefetch.start(mirrors[0], FILE, { cache: "no-cache", required: false, fetch, stallTimeoutMs, signal });
}

export class ManifestKeeper {
  #intake;
  #cache;
  #address;
  #progress;
  #bytes = [];

  /** `intake`: the loader, of which this one has its own view, to see the manifest pass. */
  constructor(intake, { cache, address, progress }) {
    this.#intake = intake;
    this.#cache = cache;
    this.#address = address;
    this.#progress = progress;
    this.intake = cache === undefined ? intake : this.#watched(intake);
  }

  /** Brings any file; the manifest's own way is here. */
  async bring(file, transfer) {
    if (file.path !== FILE) return transfer.bring(file);
    const kept = await this.#cache?.manifest(this.#address);
    if (!kept) return transfer.bring({ ...file, revalidate: true });
    try {
      // With something to fall back on, nobody waits long.
      await transfer.bring({ ...file, revalidate: true, fewRetries: true });
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#useKept(kept, error);
    }
  }

  /** Keeps the manifest, now that its model has loaded. */
  async keep() {
    if (this.#bytes.length > 0) await this.#cache?.keepManifest(this.#address, joined(this.#bytes));
  }

  #useKept(kept, error) {
    try {
      this.#intake.begin(FILE, kept.length);
      this.#intake.feed(FILE, kept);
      this.#intake.end(FILE);
    } catch (unusable) {
      throw unusable instanceof CoromError && unusable.code !== "INTERNAL" ? error : unusable;
    }
    this.#bytes = [];
    this.#progress.moved("verify", FILE, kept.length, kept.length);
    this.#progress.warn("OFFLINE", `${error.message}; the model that was kept is used`, error);
  }

  #watched(intake) {
    return {
      ...intake,
      begin: (path, size, hashed) => {
        intake.begin(path, size, hashed);
        if (path === FILE) this.#bytes = [];
      },
      missing: (path) => {
        intake.missing(path);
        if (path === FILE) this.#bytes = []; // of one that broke off
      },
      feed: (path, chunk) => {
        intake.feed(path, chunk);
        if (path === FILE) this.#bytes.push(chunk.slice());
      },
    };
  }
}

function joined(chunks) {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
