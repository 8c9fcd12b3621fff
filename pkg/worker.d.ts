// Types of `corom/worker`: the types of `corom`, plus what a worker adds.
import type {
  CallOptions,
  Documents,
  EmbedIterableOptions,
  EmbedOptions,
  Info,
  KeepOptions,
  KeptVectors,
  LoadOptions,
  ModelCache,
  Query,
  Ranked,
  RankedText,
  RankOptions,
  ScoreOptions,
  Source,
  TextEmbeddings,
  Tokens,
  Vector,
} from "./index.js";

export * from "./index.js";

export interface WorkerLoadOptions extends LoadOptions {
  /**
   * URL of the worker's script, or a function that starts a worker and returns it, a new one for each call. A page can only start workers from
   * its own origin. Bundlers other than Vite and webpack do not find the default script: bundle `corom/worker-thread`
   * and pass the URL of the bundle. In a page with Trusted Types, pass a `TrustedScriptURL`. Default:
   * `worker-thread.js` beside this package's JavaScript.
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

/** Properties of a model that is loaded in workers. */
export interface WorkerInfo extends Info {
  /** Number of workers. */
  readonly workers: number;
  /** Bytes of WebAssembly memory of all workers, as of their last answers; 0 for a worker that does not run. */
  readonly wasmMemory: number;
  /** Bytes of WebAssembly memory of the worker that has most, as of its last answer. */
  readonly workerMemory: number;
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

  /** The downloads that are cached on this device. */
  static readonly cache: ModelCache;

  /**
   * Properties of the model and of the workers. `wasmMemory`, `workerMemory` and `kernel` are those after the last call;
   * the first two are 0 without a worker.
   */
  readonly info: WorkerInfo;

  /**
   * Returns the vector of a text. An empty text is embedded like any other text. `tokenize` says whether the text is cut.
   *
   * @example
   * await corom.embed("阔腿裤女冬牛仔"); // Float32Array(512) [0.07, -0.48, -0.30, …]
   */
  embed(text: string, options?: EmbedOptions | null): Promise<Vector>;

  /**
   * Returns the vectors of a list of texts, at most 4 GiB of them, with a report per text. An empty list gives 0 rows.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤女冬牛仔", "阔腿裤男大码高腰宽松。"]);
   * vectors.rows; // 2
   * vectors.row(0); // Float32Array(512) [0.07, -0.48, -0.30, …]
   * vectors.tokens; // Uint32Array [9, 13]
   * vectors.truncated; // [false, false]
   */
  embed(texts: readonly string[], options?: EmbedOptions | null): Promise<TextEmbeddings>;

  /** Returns the vector of a text, or the vectors of a list of texts. */
  embed(texts: string | readonly string[], options?: EmbedOptions | null): Promise<Vector | TextEmbeddings>;

  /**
   * Embeds the texts of any other iterable in batches, for lists of any length in constant memory. Each batch is a call
   * of its own, so that other calls run between two batches. What the iterable throws ends the iteration.
   *
   * @example
   * async function* titles() {
   *   for (const title of ["阔腿裤", "牛仔裤", "手机"]) yield title;
   * }
   * for await (const vectors of corom.embed(titles(), { batchSize: 2 })) vectors.rows; // 2, then 1
   */
  embed(
    texts: AsyncIterable<string> | (Iterable<string> & { readonly length?: undefined }),
    options?: EmbedIterableOptions | null,
  ): AsyncIterableIterator<TextEmbeddings>;

  /**
   * Compares the query with each document. Returns one number per document, in the order of the documents. A larger
   * score is better: for the metrics `l2` and `l1` it is the negative distance.
   *
   * Vectors that you have are not computed again: pass them as the query or as the documents. Do not change them while
   * the call is pending.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.score("阔腿裤女冬牛仔", documents, { metric: "cosine" }); // Float32Array [0.81, 0.90]
   */
  score(query: Query, documents: Documents | KeptVectors, options?: ScoreOptions | null): Promise<Vector>;

  /**
   * Sorts the documents by their score with the query, best first. Documents with equal scores keep their order.
   *
   * @example
   * const documents = ["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"];
   * await corom.rank("阔腿裤女冬牛仔", documents, { metric: "cosine", topK: 1 });
   * // [{ index: 1, score: 0.90, text: "阔腿牛仔裤女秋冬款潮流百搭宽松。" }]
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"]); // once
   * await corom.rank("阔腿裤女冬牛仔", vectors, { metric: "cosine", topK: 1 }); // [{ index: 1, score: 0.90 }]
   */
  rank(query: Query, documents: readonly string[], options?: RankOptions | null): Promise<RankedText[]>;
  rank(query: Query, documents: Documents | KeptVectors, options?: RankOptions | null): Promise<Ranked[]>;

  /**
   * Keeps the vectors of documents with the model, so that `score` and `rank` do not copy them at each call. Texts are
   * embedded after the model's prompt for documents. Call `free()` of the result when it is not needed any more; the
   * page keeps a copy too, and sends it to a worker that was replaced.
   *
   * @example
   * const kept = await corom.keep(["阔腿裤男大码高腰宽松。", "阔腿牛仔裤女秋冬款潮流百搭宽松。"]);
   * await corom.rank("阔腿裤女冬牛仔", kept, { metric: "cosine", topK: 1 }); // [{ index: 1, score: 0.90 }]
   * kept.free();
   */
  keep(documents: Documents, options?: KeepOptions | null): Promise<KeptVectors>;

  /**
   * Returns the tokens of a text, as the model reads them.
   *
   * @example
   * await corom.tokenize("阔腿裤");
   * // { ids: [101, 7333, 5597, 6175, 102], tokens: ["[CLS]", "阔", "腿", "裤", "[SEP]"],
   * //   offsets: [[0, 0], [0, 1], [1, 2], [2, 3], [0, 0]], truncated: false, unknown: 0 }
   */
  tokenize(text: string, options?: CallOptions | null): Promise<Tokens>;

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
