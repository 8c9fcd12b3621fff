// The class `Corom`. It checks arguments, queues calls and yields to the event loop between batches. The work is done
// in WebAssembly. See index.d.ts for the public methods.
import * as check from "./arguments.js";
import { throwIfAborted } from "./abort.js";
import { Embeddings } from "./embeddings.js";
import { CoromError, invalid } from "./errors.js";
import { QueryCache } from "./query-cache.js";
import { Queue } from "./queue.js";
import { YieldTimer } from "./yield-timer.js";

/** Token that only `load` passes to the constructor, so that the constructor is not public. */
export const loaded = Symbol("loaded");

/**
 * Returns the content string of an instance (see load.js). Two instances with the same content were loaded from the
 * same files.
 */
export let contentOf;

/** The prompts of `score` and `rank`. */
const QUERY = { kind: "query" };
const DOCUMENT = { kind: "document" };

export class Corom {
  #runtime;
  #embedder;
  #queue = new Queue();
  #yieldTimer = new YieldTimer();
  #queries;
  #content;
  #freed = false;

  static {
    contentOf = (corom) => corom.#content;
  }

  constructor(token, { runtime, embedder, content, onnxFile, queryCache } = {}) {
    if (token !== loaded) throw invalid("Corom has no public constructor; use await Corom.load(source)");
    this.#runtime = runtime;
    this.#embedder = embedder;
    this.#content = content;
    this.#queries = new QueryCache(queryCache);
    const info = { ...readInfo(runtime, embedder), model: onnxFile };
    // The kernel can change while the first texts are embedded, because two relaxed kernels are timed.
    let { kernel } = info;
    // `info` must not keep the memory of a freed instance. So its getter reads the field #embedder, which free() clears,
    // and no function in this constructor refers to `embedder`.
    const currentKernel = () => (runtime.memoryBytes > 0 ? runtime.call(() => this.#embedder.kernel()) : kernel);
    Object.defineProperties(info, {
      wasmMemory: { enumerable: true, get: () => runtime.memoryBytes },
      kernel: { enumerable: true, get: () => (kernel = currentKernel()) },
    });
    Object.defineProperty(this, "info", { enumerable: true, value: Object.freeze(info) });
  }

  async embed(texts, options) {
    this.#assertNotFreed();
    const list = check.textOrTexts(texts, "texts");
    const prompt = check.prompt(check.options(options).prompt);
    const { data, report } = await this.#run(options, (signal) =>
      list.length === 1 ? this.#embedSingle(list[0], prompt, signal) : this.#embedAll(list, prompt, signal),
    );
    return new Embeddings(data, list.length, this.info.dimension, report);
  }

  async score(query, documents, options) {
    this.#assertNotFreed();
    const { text, list, metric = this.info.metric } = check.comparison(query, documents, options);
    return this.#run(options, (signal) => this.#scoreAll(text, list, metric, signal));
  }

  async rank(query, documents, options) {
    this.#assertNotFreed();
    const { text, list, metric = this.info.metric } = check.comparison(query, documents, options);
    const topK = check.topK(options?.topK);
    return this.#run(options, async (signal) => {
      const scores = await this.#scoreAll(text, list, metric, signal);
      const order = this.#withEmbedder((embedder) => embedder.rank(scores, topK, metric));
      return Array.from(order, (index) => ({ index, score: scores[index], text: list[index] }));
    });
  }

  async pipeline(input, options) {
    this.#assertNotFreed();
    const { sources, compared } = check.pipelineInput(input);
    const version = check.modelscopeVersion(check.options(options).modelscopeVersion);
    const list = [...sources, ...compared];
    return this.#run(options, async (signal) => {
      const { data, report } = await this.#embedAll(list, undefined, signal);
      const scores = this.#withEmbedder((embedder) => embedder.pipelineScores(data, sources.length, version));
      const rows = new Embeddings(data, list.length, this.info.dimension, report);
      return { text_embedding: [...rows], scores: Array.from(scores) };
    });
  }

  tokenize(text) {
    this.#assertNotFreed();
    const checked = check.text(text, "text");
    return this.#withEmbedder((embedder) => embedder.tokenize(checked));
  }

  free() {
    if (this.#freed) return;
    this.#freed = true;
    this.#embedder = undefined;
    this.#queries.clear();
    this.#runtime.drop();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  #assertNotFreed() {
    if (this.#freed) throw new CoromError("FREED", "this instance was freed; load the model again");
  }

  /** Calls `work` with the embedder. Throws FREED if the instance has been freed in the meantime. */
  #withEmbedder(work) {
    this.#assertNotFreed();
    return this.#runtime.call(() => work(this.#embedder));
  }

  /** Queues a call. `task` receives the signal that aborts the call. */
  async #run(options, task) {
    const { signal, abortPrevious } = check.options(options);
    throwIfAborted(signal);
    const runTask = async (callSignal) => {
      await this.#yieldAndCheck(callSignal);
      this.#assertNotFreed();
      return task(callSignal);
    };
    return this.#queue.run(runTask, { signal, abortPrevious });
  }

  /**
   * Runs between batches and between calls: yields to the event loop if that is due, then throws if the signal is
   * aborted.
   */
  async #yieldAndCheck(signal) {
    if (this.#yieldTimer.isDue) await this.#yieldTimer.yieldNow();
    throwIfAborted(signal);
  }

  /** Returns the score of each document with the query, after the prompts of a query and of a document. */
  async #scoreAll(query, documents, metric, signal) {
    if (documents.length === 0) return new Float32Array(0);
    const vector = await this.#embedSingle(query, QUERY, signal);
    const vectors = await this.#embedAll(documents, DOCUMENT, signal);
    return this.#withEmbedder((embedder) => embedder.score(vector.data, vectors.data, metric));
  }

  /**
   * Returns what #embedAll returns for one text, from the query cache if it is there. The text always gets a job of its
   * own, so that the bits of its vector do not depend on the cache.
   */
  async #embedSingle(text, prompt, signal) {
    const before = this.#withEmbedder((embedder) => embedder.resolvePrompt(prompt?.kind, prompt?.value));
    const key = before === "" ? text : `${before}\0${text}`;
    const cached = this.#queries.get(key);
    if (cached) return cached;
    const result = await this.#embedAll([text], prompt, signal);
    this.#queries.set(key, result);
    return result;
  }

  /**
   * Embeds texts as one job, batch by batch. A job that ends early is freed. Returns the vectors `data`, and the
   * `report` of the class Embeddings.
   */
  async #embedAll(texts, prompt, signal) {
    let job = this.#withEmbedder((embedder) =>
      embedder.start(texts, embedder.resolvePrompt(prompt?.kind, prompt?.value)),
    );
    try {
      while (!this.#withEmbedder((embedder) => embedder.step(job))) {
        await this.#yieldAndCheck(signal);
      }
      const finished = job;
      const report = this.#runtime.call(() => ({
        tokens: finished.tokens(),
        truncated: finished.truncated(),
        unknown: finished.unknown(),
      }));
      job = undefined; // finish() frees the job
      return { data: this.#withEmbedder((embedder) => embedder.finish(finished)), report };
    } finally {
      if (job && this.#runtime.memoryBytes > 0) this.#runtime.call(() => job.free());
    }
  }
}

/** Reads what never changes about a model. */
function readInfo(runtime, embedder) {
  return runtime.call((bindings) => ({ ...embedder.info(), simd: runtime.simd, version: bindings.version() }));
}
