// Keeps what `device: "auto"` has learned of the speed of the CPU and the GPU (pace.js), and the variants of products that are
// fastest on the GPU (runtime.js), in the cache of downloads.
import { decodeText, encodeText } from "../text.js";

/** Age after which a choice is made anew: drivers and machines change. */
const MAX_AGE_MS = 30 * 24 * 3600 * 1000;

export class Choices {
  #cache;
  #key;

  /** `cache` is a Cache of cache.js, or undefined: then nothing is kept. Another GPU, browser, release or model size is measured anew. */
  constructor(cache, { found, engine }) {
    this.#cache = cache;
    const { version, layers, heads, dimension, precision, weightBytes, simd } = engine.info;
    const { userAgent = "" } = globalThis.navigator ?? {};
    const isPage = typeof document !== "undefined"; // a page's submissions to the GPU are smaller than a worker's
    this.#key = JSON.stringify([version, found.id, userAgent, layers, heads, dimension, precision, weightBytes, simd, isPage]);
  }

  /** Returns `{ pace, variants }` as they were stored in the last 30 days; undefined if there is nothing that can be read. */
  async read() {
    const bytes = await this.#cache?.deviceChoice(this.#key);
    try {
      const { stored, learned } = JSON.parse(decodeText(bytes));
      const age = Date.now() - stored;
      return age >= 0 && age <= MAX_AGE_MS ? learned : undefined;
    } catch {
      return undefined;
    }
  }

  async store(pace, variants) {
    const learned = { pace, variants };
    await this.#cache?.storeDeviceChoice(this.#key, encodeText(JSON.stringify({ stored: Date.now(), learned })));
  }
}
