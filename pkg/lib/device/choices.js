// Keeps what `device: "auto"` has learned of the speed of the CPU and the GPU (pace.js), in the cache of downloads.
import { decodeText, encodeText } from "../text.js";

export class Choices {
  #cache;
  #key;

  /** `cache` is a Cache of cache.js, or undefined: then nothing is kept. Another GPU, browser, release or model size is measured anew. */
  constructor(cache, { found, engine }) {
    this.#cache = cache;
    const { version, layers, heads, dimension, precision, weightBytes, simd } = engine.info;
    const { userAgent = "" } = globalThis.navigator ?? {};
    this.#key = JSON.stringify([version, found.id, userAgent, layers, heads, dimension, precision, weightBytes, simd]);
  }

  /** Returns what was stored; undefined if there is nothing that can be read. */
  async read() {
    const bytes = await this.#cache?.deviceChoice(this.#key);
    try {
      return bytes && JSON.parse(decodeText(bytes));
    } catch {
      return undefined;
    }
  }

  async store(learned) {
    await this.#cache?.storeDeviceChoice(this.#key, encodeText(JSON.stringify(learned)));
  }
}
