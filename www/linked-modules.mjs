// The modules that the demo's server sends linked (link.mjs). Each is made when it is asked for first, and again after a
// change of its files.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { link } from "./link.mjs";

/** The scripts of the pages and of the workers: what stands between a visit and the first hits. */
const ENTRIES = ["/app.js", "/shop/app.js", "/shop/map.js", "/pkg/search-worker-thread.js", "/pkg/worker-thread.js"];

export class LinkedModules {
  #fileOf;
  #kept = new Map();

  /** `fileOf(pathname)` returns the path of the file that is served there, or null. */
  constructor(fileOf) {
    this.#fileOf = fileOf;
  }

  /** Returns `{ bytes, tag }` of the module at a URL path; undefined if the file is to be sent as it is. */
  async get(pathname) {
    if (!ENTRIES.includes(pathname)) return undefined;
    const kept = this.#kept.get(pathname);
    if (kept !== undefined && (await stampOf(kept.files)) === kept.stamp) return kept;
    try {
      const { text, files } = link(pathname, this.#fileOf);
      const bytes = Buffer.from(text);
      const tag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
      const linked = { bytes, tag, files, stamp: await stampOf(files) };
      this.#kept.set(pathname, linked);
      return linked;
    } catch (error) {
      // The browser then requests the modules one by one, and says what is wrong with one. A build may lack a module.
      if (error.code !== "ENOENT") console.warn(`${pathname} is sent as it is: ${error.message}`);
      return undefined;
    }
  }

  /** Returns the URL paths of the linked modules, the only ones that the pages request; undefined if one cannot be linked. */
  async all() {
    const found = await Promise.all(ENTRIES.map((pathname) => this.get(pathname)));
    return found.every(Boolean) ? ENTRIES : undefined;
  }
}

const stampOf = async (files) => (await Promise.all(files.map((file) => stat(file).then(({ mtimeMs }) => mtimeMs, () => 0)))).join();
