// Types of `corom/worker`: the types of `corom`, plus what a worker adds.
import type {
  CallOptions,
  EmbedOptions,
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
   * URL of the worker's script, or a function that starts the worker and returns it. A page can only start workers from
   * its own origin. Bundlers other than Vite and webpack do not find the default script: bundle `corom/worker-thread`
   * and pass the URL of the bundle. Default: `worker-thread.js` beside this package's JavaScript.
   */
  worker?: string | URL | (() => object);
  /**
   * Milliseconds that an aborted call gets to finish the current batch. After that the worker is terminated, and the
   * next call starts another worker, which loads the model again. The promise of the aborted call is rejected
   * immediately in any case. `Infinity`: the worker is never terminated. Default: the duration of the last load, at
   * least 1000.
   */
  abortTimeout?: number;
}

/**
 * A model loaded in a worker: a Web Worker in browsers, a thread of `worker_threads` in Node, Deno and Bun. The class
 * has the same methods as the class of `corom`. Vectors are transferred, not copied. Differences:
 *
 * - `tokenize` returns a promise and waits in the queue like every other call.
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
  static load(source: Source, options?: WorkerLoadOptions): Promise<Corom>;

  /** The downloads that are cached on this device. */
  static readonly cache: ModelCache;

  /**
   * Properties of the model. `wasmMemory` and `kernel` are those after the last call; `wasmMemory` is 0 without a
   * worker.
   */
  readonly info: Info;

  /**
   * Returns the vector of a text, or the vectors of a list of texts. An empty list gives 0 rows. An empty text is
   * embedded like any other text.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤女冬牛仔", "阔腿裤男大码高腰宽松。"]);
   * vectors.rows; // 2
   */
  embed(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;

  /**
   * Compares the query with each document. Returns one number per document, in the order of the documents.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.score("阔腿裤女冬牛仔", documents, { metric: "cosine" }); // Float32Array [0.81, 0.90]
   */
  score(query: string, documents: readonly string[], options?: ScoreOptions): Promise<Float32Array>;

  /**
   * Sorts the documents by their score with the query, best first. Documents with equal scores keep their order.
   *
   * @example
   * // Search as you type: a newer call aborts the previous one.
   * const best = await corom.rank("阔腿裤女冬牛仔", ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"], {
   *   metric: "cosine",
   *   topK: 1,
   *   abortPrevious: true,
   * });
   * best; // [{ index: 1, score: 0.90, text: "阔腿牛仔裤女秋冬款潮流百搭宽松。" }]
   */
  rank(query: string, documents: readonly string[], options?: RankOptions): Promise<Ranked[]>;

  /**
   * Returns what ModelScope's sentence-embedding pipeline returns for the same input: vectors, and the inner products
   * of the first source sentence with every other sentence.
   *
   * @example
   * const { scores } = await corom.pipeline({
   *   source_sentence: "阔腿裤女冬牛仔",
   *   sentences_to_compare: ["阔腿牛仔裤女秋冬款潮流百搭宽松。", "阔腿裤男大码高腰宽松。"],
   * });
   * scores; // [277.0, 254.9]
   */
  pipeline(input: PipelineInput, options?: PipelineOptions): Promise<PipelineOutput>;

  /**
   * Returns the tokens of a text, as the model reads them.
   *
   * @example
   * (await corom.tokenize("阔腿裤")).tokens; // ["[CLS]", "阔", "腿", "裤", "[SEP]"]
   */
  tokenize(text: string, options?: CallOptions): Promise<Tokens>;

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
