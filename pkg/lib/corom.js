// The class. It checks arguments, queues calls and gives the event loop its turns; the work is in WebAssembly.
import * as check from "./arguments.js";
import { throwIfAborted } from "./abort.js";
import { Embeddings } from "./embeddings.js";
import { CoromError, invalid } from "./errors.js";
import { Queue } from "./queue.js";
import { Turns } from "./turns.js";

/** Only `load` makes instances; it passes this. */
export const loaded = Symbol("loaded");

export class Corom {
  #runtime;
  #embedder;
  #queue = new Queue();
  #freed = false;

  constructor(token, { runtime, embedder } = {}) {
    if (token !== loaded) throw invalid("there is no public constructor: use await Corom.load(source)");
    this.#runtime = runtime;
    this.#embedder = embedder;
    const info = runtime.call((bindings) => ({ ...embedder.info(), simd: runtime.simd, version: bindings.version() }));
    Object.defineProperty(info, "wasmMemory", { enumerable: true, get: () => runtime.memoryBytes });
    Object.defineProperty(this, "info", { enumerable: true, value: Object.freeze(info) });
  }

  async embed(texts, options) {
    this.#alive();
    const list = check.textOrTexts(texts, "texts");
    const { signal } = check.options(options);
    const data = await this.#vectors(list, signal);
    return new Embeddings(data, list.length, this.info.dimension);
  }

  async score(query, documents, options) {
    this.#alive();
    const { text, list, metric, signal } = comparison(query, documents, options);
    if (list.length === 0) return new Float32Array(0);
    return this.#scores(text, list, metric, signal);
  }

  async rank(query, documents, options) {
    this.#alive();
    const { text, list, metric, signal } = comparison(query, documents, options);
    const topK = check.topK(options?.topK);
    if (list.length === 0) return [];
    const scores = await this.#scores(text, list, metric, signal);
    this.#alive();
    const order = this.#runtime.call(() => this.#embedder.rank(scores, topK, metric));
    return Array.from(order, (index) => ({ index, score: scores[index], text: list[index] }));
  }

  async pipeline(input, options) {
    this.#alive();
    const { sources, compared } = check.pipelineInput(input);
    const { signal, behaviour } = check.options(options);
    const rule = check.behaviour(behaviour);
    const list = [...sources, ...compared];
    const data = await this.#vectors(list, signal);
    this.#alive();
    const scores = this.#runtime.call(() => this.#embedder.pipelineScores(data, sources.length, rule));
    return { text_embedding: [...new Embeddings(data, list.length, this.info.dimension)], scores: Array.from(scores) };
  }

  tokenize(text) {
    this.#alive();
    const checked = check.text(text, "text");
    return this.#runtime.call(() => this.#embedder.tokenize(checked));
  }

  free() {
    if (this.#freed) return;
    this.#freed = true;
    this.#embedder = undefined;
    this.#runtime.drop();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  #alive() {
    if (this.#freed) throw new CoromError("FREED", "this instance was freed; load the model again");
  }

  /** Query and documents in one job, then the scores of the documents. */
  async #scores(query, documents, metric, signal) {
    const data = await this.#vectors([query, ...documents], signal);
    this.#alive();
    const width = this.info.dimension;
    return this.#runtime.call(() => this.#embedder.score(data.subarray(0, width), data.subarray(width), metric));
  }

  async #vectors(texts, signal) {
    throwIfAborted(signal);
    if (texts.length === 0) return new Float32Array(0);
    return this.#queue.run(() => this.#work(texts, signal), signal);
  }

  /** One job, batch by batch. Whatever ends it early, nothing of it is left. */
  async #work(texts, signal) {
    this.#alive();
    const runtime = this.#runtime;
    const turns = new Turns();
    let job = runtime.call(() => this.#embedder.start(texts));
    try {
      while (!runtime.call(() => this.#embedder.step(job))) {
        if (turns.due) await turns.take();
        throwIfAborted(signal);
        this.#alive();
      }
      const finished = job;
      job = undefined; // finish() consumes it
      return runtime.call(() => this.#embedder.finish(finished));
    } finally {
      if (job && runtime.memoryBytes > 0) runtime.call(() => job.free());
    }
  }
}

function comparison(query, documents, options) {
  const text = check.text(query, "query");
  const list = check.texts(documents, "documents");
  const { metric, signal } = check.options(options);
  return { text, list, metric: check.metric(metric), signal };
}
