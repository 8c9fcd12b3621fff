// Types of `corom/worker`: the types of `corom`, plus what a worker adds.
import type {
  CoromCalls,
  Info,
  LoadOptions,
  ModelCache,
  RerankerCalls,
  RerankerInfo,
  RerankerLoadOptions,
  Source,
} from "./index.js";

export * from "./index.js";

/** The options that workers add to those of `load`. */
export interface WorkerOptions {
  /**
   * URL of the worker's script, or a function that starts a worker and returns it, a new one for each call. A page can
   * only start workers from its own origin. Bundlers other than Vite and webpack do not find the default script: bundle
   * `corom/worker-thread` and pass the URL of the bundle. In a page with Trusted Types, pass a `TrustedScriptURL`.
   * Default: `worker-thread.js` beside this package's JavaScript.
   */
  worker?: string | URL | { toJSON(): string } | (() => object) | null | undefined;
  /**
   * Number of workers, from 1 to 32. The texts of a call are divided among them, and calls run at the same time while a
   * worker is free. Results keep their order and their bits. Each worker holds the whole model, which is fetched once for
   * all. Default: 1.
   *
   * @example
   * const corom = await Corom.load("./model/", { workers: 2 });
   * corom.info.workers; // 2
   */
  workers?: number | null | undefined;
  /**
   * Milliseconds that an aborted call gets to finish the current batch. After that the worker is terminated, and the
   * next call starts another worker, which loads the model again. The promise of the aborted call is rejected
   * immediately in any case. `Infinity`: the worker is never terminated. Default: the duration of the last load, at
   * least 1000.
   */
  abortTimeout?: number | null | undefined;
}

/** Options of `Corom.load`. */
export interface WorkerLoadOptions extends LoadOptions, WorkerOptions {}

/** Options of `CoromReranker.load`. */
export interface WorkerRerankerLoadOptions extends RerankerLoadOptions, WorkerOptions {}

/** The properties of `info` that workers add. */
export interface WorkerState {
  /** Number of workers. */
  readonly workers: number;
  /** Bytes of WebAssembly memory of the worker that has most, as of its last answer. */
  readonly workerMemory: number;
}

/** Properties of a model that is loaded in workers. */
export interface WorkerInfo extends Info, WorkerState {
  /** Bytes of WebAssembly memory of all workers, as of their last answers; 0 for a worker that does not run. */
  readonly wasmMemory: number;
}

/** Properties of a reranker that is loaded in workers. */
export interface WorkerRerankerInfo extends RerankerInfo, WorkerState {
  /** Bytes of WebAssembly memory of all workers, as of their last answers; 0 for a worker that does not run. */
  readonly wasmMemory: number;
}

/**
 * A model loaded in a worker: a Web Worker in browsers, a thread of `worker_threads` in Node, Deno and Bun. The class
 * has the same methods as the class of `corom`. Vectors are transferred, not copied. Differences:
 *
 * - An abort takes effect immediately. An aborted load terminates its worker; an aborted call terminates the worker
 *   after `abortTimeout`.
 * - A crash terminates the worker and rejects the current call with `INTERNAL` or `OUT_OF_MEMORY`. The instance still
 *   works: the next call, which may already be waiting, starts another worker, and the worker loads the same source
 *   again. If that load fails, the call is rejected with the load's error; if the source now contains another model,
 *   the call is rejected with `INTEGRITY_MISMATCH`.
 * - `onProgress` is also called during later loads.
 * - `FETCH_FAILED` also means that the worker's script did not start. `UNSUPPORTED_HOST` also means that the host has
 *   no workers.
 *
 * Each load copies files in memory to the worker; the worker reads a `Blob` or `File` without copying it first.
 * Functions such as `fetch` and `onProgress` run in the page, and the worker calls them by messages.
 *
 * The numbers in the examples are those of m3e-small.
 */
export interface Corom extends CoromCalls {}
export class Corom {
  private constructor();

  /**
   * Starts a worker and loads a model in it. Rejects with the errors of `Corom.load` of `corom`.
   *
   * @example
   * import { Corom } from "corom/worker";
   * const corom = await Corom.load("./model/");
   * corom.info.dimension; // 512
   */
  static load(source: Source, options?: WorkerLoadOptions | null): Promise<Corom>;

  /**
   * Resolves to the values of the option `device` that this host has, the one that `auto` prefers first: `["wasm"]`, or
   * with a GPU `["webgpu", "wasm"]`. Nothing is fetched.
   */
  static devices(): Promise<("wasm" | "webgpu")[]>;

  /** The downloads that are cached on this device. */
  static readonly cache: ModelCache;

  /**
   * Properties of the model and of the workers. `wasmMemory`, `workerMemory` and `kernel` are those after the last call;
   * the first two are 0 without a worker.
   */
  readonly info: WorkerInfo;

  /**
   * Terminates the worker after all calls made so far, which frees all its memory. The next call starts another worker
   * and loads the model again.
   *
   * @example
   * await corom.unload();
   * corom.info.wasmMemory; // 0
   */
  unload(): Promise<void>;

  /**
   * Terminates the worker immediately. Pending calls are rejected with `FREED`. A second call has no effect.
   *
   * @example
   * corom.free();
   * corom.info.wasmMemory; // 0
   */
  free(): void;

  /**
   * Calls `free()` at the end of a block with `using`.
   *
   * @example
   * {
   *   using corom = await Corom.load("./model/");
   *   await corom.embed("阔腿裤");
   * } // the worker is terminated here
   */
  [Symbol.dispose](): void;
}

/**
 * A reranker loaded in a worker. What `Corom` above says of workers is true here too. The pair cache is on the page, so
 * that it serves all workers.
 */
export interface CoromReranker extends RerankerCalls {}
export class CoromReranker {
  private constructor();

  /**
   * Starts a worker and loads a reranker in it. Rejects with the errors of `CoromReranker.load` of `corom`.
   *
   * @example
   * import { CoromReranker } from "corom/worker";
   * const reranker = await CoromReranker.load("./ranking/", { workers: 2 });
   * reranker.info.workers; // 2
   */
  static load(source: Source, options?: WorkerRerankerLoadOptions | null): Promise<CoromReranker>;

  /** The downloads that are cached on this device: the same cache as `Corom.cache`. */
  static readonly cache: ModelCache;

  /** Properties of the model and of the workers; see `Corom.info`. */
  readonly info: WorkerRerankerInfo;

  /** Terminates the worker after all calls made so far; see `Corom.unload`. */
  unload(): Promise<void>;

  /** Terminates the worker immediately. Pending calls are rejected with `FREED`. A second call has no effect. */
  free(): void;

  /** Calls `free()` at the end of a block with `using`. */
  [Symbol.dispose](): void;
}
