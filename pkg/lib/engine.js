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
import { freedError } from "./model-instance.js";
import { JobRunner } from "./job-runner.js";
import { KeptPortions } from "./kept-vectors.js";
import { liveInfo } from "./live-info.js";
import { QueryCache } from "./query-cache.js";

/** The prompts of `score` and `rank`. */
const QUERY = { kind: "query" };
const DOCUMENT = { kind: "document" };

export class Engine {
  #runtime;
  #embedder;
  #jobs;
  #queries;
  #kept = new KeptPortions();
  parallel = 1;

  /**
   * `content` identifies the files that were loaded: two engines with the same content have the same model.
   * `batchTimeMs`: see batch-size.js.
   */
  constructor({ runtime, model, content, onnxFile, queryCache, batchTimeMs }) {
    this.#runtime = runtime;
    this.#embedder = model;
    this.#jobs = new JobRunner({ runtime, withModel: (work) => this.#withEmbedder(work), batchTimeMs });
    this.#queries = new QueryCache(queryCache);
    this.content = content;
    // No function in this constructor refers to `model`: free() clears the field #embedder.
    this.info = liveInfo(runtime, () => this.#embedder, onnxFile);
  }

  async embed(texts, prompt, { signal, onDone } = {}) {
    await this.#jobs.yieldAndCheck(signal);
    if (texts.length === 1) return this.#embedSingle(texts[0], prompt, signal);
    return this.#embedAll(texts, prompt, signal, onDone);
  }

  async score(query, { texts, vectors, kept }, metric, { signal, onDone } = {}) {
    await this.#jobs.yieldAndCheck(signal);
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
    await this.#jobs.yieldAndCheck(signal);
    return this.#withEmbedder((embedder) => embedder.tokenize(text));
  }

  /** False after a crash, and after `free`. */
  get isAlive() {
    return this.#runtime.memoryBytes > 0;
  }

  /** Returns whether the GPU that runs the model has failed, or is lost; undefined on the CPU. */
  get hasDeviceFailed() {
    return this.#runtime.hasDeviceFailed;
  }

  get isDeviceLost() {
    return this.#runtime.isDeviceLost;
  }

  get variants() {
    return this.#runtime.variants;
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

  /** Embeds texts as one job. Returns the vectors `data`, and the `report` of the class Embeddings. */
  async #embedAll(texts, prompt, signal, onDone) {
    const start = (embedder) => embedder.start(texts, embedder.resolvePrompt(prompt?.kind, prompt?.value));
    return this.#jobs.run(start, { signal, onDone });
  }
}
