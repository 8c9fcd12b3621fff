// Types of `corom/worker`: those of `corom`, with what a worker adds.
import type {
  CallOptions,
  Embeddings,
  Info,
  LoadOptions,
  ModelCache,
  PipelineInput,
  PipelineOptions,
  PipelineOutput,
  Ranked,
  RankOptions,
  ScoreOptions,
  Source,
  Tokens,
} from "./index.js";

export * from "./index.js";

export interface WorkerLoadOptions extends LoadOptions {
  /**
   * Where the worker's script is, or a function that starts the worker. Default: `worker-thread.js` beside this
   * package's JavaScript, in a form that Vite and webpack find by themselves. Elsewhere bundle
   * `corom/worker-thread`, and say here where it is. A page can only start workers from its own origin.
   */
  worker?: string | URL | (() => object);
  /**
   * Milliseconds that an aborted call has to end the batch in hand; then the worker is ended, and the next call
   * starts another, which loads the model again. The promise of the aborted call does not wait for any of this.
   * `Infinity` never ends the worker. Default: as long as the last load took, but at least 1000.
   */
  abortTimeout?: number;
}

/**
 * A model loaded in a worker: a Web Worker in browsers, a thread of `worker_threads` in Node, Deno and Bun. All is as
 * with the class of `corom`, and vectors are handed over, not copied. What differs:
 *
 * - `tokenize` gives a promise and queues like the rest;
 * - an abort takes effect at once: a load ends with its worker, a call too when it takes too long (`abortTimeout`);
 * - a crash ends the worker and rejects the call in hand with `INTERNAL` or `OUT_OF_MEMORY`. The instance stays
 *   good: the next call, also one that waits already, starts another worker, which loads the same source again. When
 *   that fails, the call is rejected with the load's error, with `INTEGRITY_MISMATCH` when the source has another
 *   model meanwhile;
 * - `onProgress` is called for these later loads too;
 * - `FETCH_FAILED` is also a worker script that does not start, `UNSUPPORTED_HOST` a host without workers.
 *
 * Files in memory are copied to the worker at each load, `Blob`s and `File`s only as it reads them. Functions stay
 * in the page, and the worker calls them there.
 */
export class Corom {
  private constructor();

  /** Starts a worker and loads a model in it. See the other `Corom.load`. */
  static load(source: Source, options?: WorkerLoadOptions): Promise<Corom>;

  /** What is kept of downloads on this device. */
  static readonly cache: ModelCache;

  /** As it was loaded; `wasmMemory` as of the last call, and 0 while there is no worker. */
  readonly info: Info;

  /** The vector of a text, or of each of several. An empty list gives no rows; an empty text is a text. */
  embed(texts: string | readonly string[], options?: CallOptions): Promise<Embeddings>;

  /** How well each document matches the query: one number a document, in their order. */
  score(query: string, documents: readonly string[], options?: ScoreOptions): Promise<Float32Array>;

  /** The documents, best first; equal scores keep their order. */
  rank(query: string, documents: readonly string[], options?: RankOptions): Promise<Ranked[]>;

  /** ModelScope's call: `pipeline(Tasks.sentence_embedding)(input)`. */
  pipeline(input: PipelineInput, options?: PipelineOptions): Promise<PipelineOutput>;

  /** What the model sees of a text. */
  tokenize(text: string, options?: CallOptions): Promise<Tokens>;

  /**
   * Ends the worker after the calls made so far, and gives all its memory back. The instance stays good: the next
   * call starts another worker and loads the model again.
   */
  unload(): Promise<void>;

  /** Ends the worker at once. Calls under way reject with `FREED`. A second call does nothing. */
  free(): void;

  /** The same as `free()`, for `using`. */
  [Symbol.dispose](): void;
}
