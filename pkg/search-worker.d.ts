// Types of `corom/search-worker`: the types of `corom/search`, with the catalog in a worker.
import type { ModelCache } from "./index.js";
import type { CatalogCalls, CatalogOptions, CatalogSource } from "./types/catalog.js";

export { CoromError } from "./index.js";
export type { CoromErrorCode } from "./index.js";
export type * from "./types/catalog.js";
export type * from "./types/search.js";

/** Options of `Catalog.load` of `corom/search-worker`. */
export interface WorkerCatalogOptions extends CatalogOptions {
  /**
   * URL of the worker's script, or a function that starts a worker and returns it, a new one for each call. Bundlers other
   * than Vite and webpack do not find the default script: bundle `corom/search-worker-thread` and pass the URL of the
   * bundle. In a page with Trusted Types, pass a `TrustedScriptURL`. Default: `search-worker-thread.js` beside this
   * package's JavaScript.
   */
  worker?: string | URL | { toJSON(): string } | (() => object) | null | undefined;
}

/**
 * A catalog in a worker: a Web Worker in browsers, a thread of `worker_threads` in Node, Deno and Bun. The calls are those
 * of `corom/search`. Several run at the same time. Attached models stay where they are. Differences:
 *
 * - An aborted load terminates its worker.
 * - If the worker ends, the current calls are rejected with `INTERNAL` or `OUT_OF_MEMORY`. The next call starts another
 *   worker, which loads the same source and applies the deltas of `apply` again.
 * - `memoryBytes` is as of the worker's last answer, and 0 without a worker. `free` terminates the worker.
 */
export interface Catalog extends CatalogCalls {}
export class Catalog {
  private constructor();

  /** Starts a worker and loads a catalog in it. Rejects with the errors of `Catalog.load` of `corom/search`. */
  static load(source: CatalogSource, options?: WorkerCatalogOptions | null): Promise<Catalog>;

  /** The downloads that are kept on this device: the same cache as `Corom.cache`. `has` and `delete` are about catalogs. */
  static readonly cache: ModelCache;
}
