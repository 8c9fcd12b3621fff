// The class. It checks arguments, queues calls and gives the event loop its turns; the work is in WebAssembly.
import * as check from "./arguments.js";
import { throwIfAborted } from "./abort.js";
import { Embeddings } from "./embeddings.js";
import { CoromError, invalid } from "./errors.js";
import { QueryCache } from "./query-cache.js";
import { Queue } from "./queue.js";
import { YieldTimer } from "./yield-timer.js";

/** Only `load` makes instances; it passes this. */
export const loaded = Symbol("loaded");

/** What an instance was loaded from, see load.js: two of the same content are one model. */
export let contentOf;

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

  constructor(token, { runtime, embedder, content, queryCache } = {}) {
    if (token !== loaded) throw invalid("there is no public constructor: use await Corom.load(source)");
    this.#runtime = runtime;
    this.#embedder = embedder;
    this.#content = content;
    this.#queries = new QueryCache(queryCache);
    const info = runtime.call((bindings) => ({ ...embedder.info(), simd: runtime.simd, version: bindings.version() }));
    let { kernel } = info; // two race while the first texts are embedded
    // By way of the field, which free() empties: `info` must not keep a freed instance's memory.
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
    const data = await this.#run(options, (signal) =>
      list.length === 1 ? this.#embedSingle(list[0], signal) : this.#embedAll(list, signal),
    );
    return new Embeddings(data, list.length, this.info.dimension);
  }

  async score(query, documents, options) {
    this.#assertNotFreed();
    const { text, list, metric } = check.comparison(query, documents, options);
    return this.#run(options, (signal) => this.#scoreAll(text, list, metric, signal));
  }

  async rank(query, documents, options) {
    this.#assertNotFreed();
    const { text, list, metric } = check.comparison(query, documents, options);
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
      const data = await this.#embedAll(list, signal);
      const scores = this.#withEmbedder((embedder) => embedder.pipelineScores(data, sources.length, version));
      const rows = new Embeddings(data, list.length, this.info.dimension);
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

  /** Into WebAssembly, unless the instance was freed meanwhile. */
  #withEmbedder(work) {
    this.#assertNotFreed();
    return this.#runtime.call(() => work(this.#embedder));
  }

  /** A call in its turn; `task` gets the signal that ends it. */
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

  /** Between two pieces of work, also of different calls: the event loop's turn when it is due, then the signal. */
  async #yieldAndCheck(signal) {
    if (this.#yieldTimer.isDue) await this.#yieldTimer.yieldNow();
    throwIfAborted(signal);
  }

  /** How the documents compare with the query. */
  async #scoreAll(query, documents, metric, signal) {
    if (documents.length === 0) return new Float32Array(0);
    const vector = await this.#embedSingle(query, signal);
    const vectors = await this.#embedAll(documents, signal);
    return this.#withEmbedder((embedder) => embedder.score(vector, vectors, metric));
  }

  /** The vector of one text. Always from a job of its own, so that its bits do not depend on whether it was kept. */
  async #embedSingle(text, signal) {
    const kept = this.#queries.get(text);
    if (kept) return kept;
    const vector = await this.#embedAll([text], signal);
    this.#queries.set(text, vector);
    return vector;
  }

  /** One job, batch by batch. Whatever ends it early, nothing of it is left. */
  async #embedAll(texts, signal) {
    if (texts.length === 0) return new Float32Array(0);
    let job = this.#withEmbedder((embedder) => embedder.start(texts));
    try {
      while (!this.#withEmbedder((embedder) => embedder.step(job))) {
        await this.#yieldAndCheck(signal);
      }
      const finished = job;
      job = undefined; // finish() consumes it
      return this.#withEmbedder((embedder) => embedder.finish(finished));
    } finally {
      if (job && this.#runtime.memoryBytes > 0) this.#runtime.call(() => job.free());
    }
  }
}
