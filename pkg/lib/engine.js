// The model of an instance of `Corom` on this thread. It embeds texts batch by batch, and yields to the event loop
// between batches. The work is done in WebAssembly.
//
// An engine has these members; lib/worker/engine.js has them too:
//
//   info                                            what is loaded
//   parallel                                        calls, and portions of calls, that run at the same time
//   embed(texts, prompt, { signal, onDone })        -> { data, report }, see the class Embeddings
//   score(query, portion, metric, { signal, onDone })   -> Float32Array of the metric's values; undefined if the
//                                                   portion's vectors are kept, and were released
//   keep(id, portions)                              keeps vectors; true if they can get lost, see kept-vectors.js
//   release(id)                                     frees them
//   order(values, topK, metric)                     -> the indices of the best values, best first
//   tokenize(text, { signal })                      -> Tokens
//   free()
//
// `prompt` is { kind, value } of call-arguments.js. `query` is { text } or { vector }, `portion` { texts },
// { vectors } or { kept, vectors? }. While texts are embedded, `onDone(count)` is told how many of them are done.
import { throwIfAborted } from "./abort.js";
import { BatchSize } from "./batch-size.js";
import { CoromError } from "./errors.js";
import { KeptPortions } from "./kept-vectors.js";
import { QueryCache } from "./query-cache.js";
import { YieldTimer } from "./yield-timer.js";

/** The prompts of `score` and `rank`. */
const QUERY = { kind: "query" };
const DOCUMENT = { kind: "document" };

export class Engine {
  #runtime;
  #embedder;
  #yieldTimer = new YieldTimer();
  #queries;
  #batchSize;
  #kept = new KeptPortions();
  parallel = 1;

  /**
   * `content` identifies the files that were loaded: two engines with the same content have the same model.
   * `batchTimeMs`: see batch-size.js.
   */
  constructor({ runtime, embedder, content, onnxFile, queryCache, batchTimeMs }) {
    this.#runtime = runtime;
    this.#embedder = embedder;
    this.#queries = new QueryCache(queryCache);
    this.#batchSize = new BatchSize(batchTimeMs);
    this.content = content;
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
    this.info = info;
  }

  async embed(texts, prompt, { signal, onDone } = {}) {
    await this.#yieldAndCheck(signal);
    if (texts.length === 1) return this.#embedSingle(texts[0], prompt, signal);
    return this.#embedAll(texts, prompt, signal, onDone);
  }

  async score(query, { texts, vectors, kept }, metric, { signal, onDone } = {}) {
    await this.#yieldAndCheck(signal);
    const vector = query.vector ?? (await this.#embedSingle(query.text, QUERY, signal)).data;
    if (kept) return this.#scoreKept(vector, kept, vectors, metric);
    const data = vectors ?? (await this.#embedAll(texts, DOCUMENT, signal, onDone)).data;
    return this.#withEmbedder((embedder) => embedder.score(vector, data, metric));
  }

  keep(id, portions) {
    for (const { kept, vectors } of portions) this.#store(kept, vectors);
    return false;
  }

  release(id) {
    this.#freeAll(this.#kept.remove(id));
  }

  /** Frees all kept vectors but those with these numbers. */
  retain(ids) {
    this.#freeAll(this.#kept.retain(ids));
  }

  async order(values, topK, metric) {
    return this.#withEmbedder((embedder) => embedder.rank(values, topK, metric));
  }

  async tokenize(text, { signal } = {}) {
    await this.#yieldAndCheck(signal);
    return this.#withEmbedder((embedder) => embedder.tokenize(text));
  }

  free() {
    this.#embedder = undefined;
    this.#queries.clear();
    this.#kept.retain([]);
    this.#runtime.drop();
  }

  /** Scores kept vectors. `vectors` are stored if they are not here yet. */
  #scoreKept(vector, kept, vectors, metric) {
    if (!this.#embedder) throw freedError();
    const stored = this.#kept.get(kept) ?? (vectors && this.#store(kept, vectors));
    return stored && this.#runtime.call(() => stored.score(vector, metric));
  }

  #store(kept, vectors) {
    const stored = this.#runtime.call(({ KeptVectors }) => new KeptVectors(vectors));
    this.#kept.set(kept, stored);
    return stored;
  }

  #freeAll(objects) {
    if (this.#runtime.memoryBytes > 0) this.#runtime.call(() => objects.forEach((object) => object.free()));
  }

  /** Calls `work` with the embedder. Throws FREED if the instance has been freed in the meantime. */
  #withEmbedder(work) {
    if (!this.#embedder) throw freedError();
    return this.#runtime.call(() => work(this.#embedder));
  }

  /**
   * Runs between batches and between calls: yields to the event loop if that is due, then throws if the signal is
   * aborted.
   */
  async #yieldAndCheck(signal) {
    if (this.#yieldTimer.isDue) await this.#yieldTimer.yieldNow();
    throwIfAborted(signal);
  }

  /**
   * Returns what #embedAll returns for one text, from the query cache if it is there. The text always gets a job of its
   * own, so that the bits of its vector do not depend on the cache.
   */
  async #embedSingle(text, prompt, signal) {
    const before = this.#withEmbedder((embedder) => embedder.resolvePrompt(prompt?.kind, prompt?.value));
    const key = `${before.length} ${before}${text}`;
    const cached = this.#queries.get(key);
    if (cached) return cached;
    const result = await this.#embedAll([text], prompt, signal);
    this.#queries.set(key, result);
    return result;
  }

  /** Does one step of a job: tokenizes some texts, or embeds a batch. Returns true if the job is done. */
  #step(job) {
    return this.#withEmbedder((embedder) => {
      if (this.#batchSize.tokens !== undefined) job.setBatchTokens(this.#batchSize.tokens);
      const before = job.doneTokens;
      const began = performance.now();
      const isDone = embedder.step(job);
      this.#batchSize.measured(job.doneTokens - before, performance.now() - began);
      return isDone;
    });
  }

  /**
   * Embeds texts as one job, batch by batch. A job that ends early is freed. Returns the vectors `data`, and the
   * `report` of the class Embeddings.
   */
  async #embedAll(texts, prompt, signal, onDone) {
    let job = this.#withEmbedder((embedder) =>
      embedder.start(texts, embedder.resolvePrompt(prompt?.kind, prompt?.value)),
    );
    try {
      while (!this.#step(job)) {
        onDone?.(this.#runtime.call(() => job.done));
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

export const freedError = () => new CoromError("FREED", "this instance was freed; load the model again");

/** Reads what never changes about a model. */
function readInfo(runtime, embedder) {
  return runtime.call((bindings) => ({ ...embedder.info(), simd: runtime.simd, version: bindings.version() }));
}
