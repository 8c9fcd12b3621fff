// The engines of instances that may run on a GPU. They have the members of engine.js and rerank-engine.js, and divide the
// work between two such engines.
import { throwIfAborted } from "../abort.js";
import { EmbedResult } from "../embed-result.js";
import { deviceInfo } from "./info.js";

const QUERY = { kind: "query" };
const DOCUMENT = { kind: "document" };

export class DeviceEngine {
  #devices;
  /** The last query that `score` has embedded: its text, its vector, and the failures of the GPU until then. */
  #query;
  parallel = 1;

  constructor(devices) {
    this.#devices = devices;
    this.content = devices.primary.content;
    this.info = deviceInfo(devices);
  }

  async embed(texts, prompt, options) {
    const results = await this.#devices.run(texts, (engine, part, more) => engine.embed(part, prompt, more), options);
    if (results.length === 1) return results[0];
    const whole = new EmbedResult(texts.length, this.info.dimension);
    let at = 0;
    for (const result of results) {
      whole.set(at, result);
      at += result.report.tokens.length;
    }
    return whole;
  }

  async score(query, portion, metric, { signal, onDone } = {}) {
    const vector = query.vector ?? (await this.#embedQuery(query.text, signal));
    const { texts } = portion;
    const vectors = texts && (await this.embed(texts, DOCUMENT, { signal, onDone })).data;
    throwIfAborted(signal);
    const engine = await this.#devices.usable(signal);
    return engine.score({ vector }, texts ? { vectors } : portion, metric, { signal });
  }

  /** Vectors of a GPU's instance get lost when it fails. */
  keep(id, portions) {
    const { primary, mayChange } = this.#devices;
    if (primary.isAlive || !mayChange) primary.keep(id, portions);
    return mayChange;
  }

  release(id) {
    for (const engine of this.#devices.all) engine.release(id);
  }

  retain(ids) {
    for (const engine of this.#devices.all) engine.retain(ids);
  }

  async order(...args) {
    return (await this.#devices.usable()).order(...args);
  }

  async tokenize(text, options) {
    return (await this.#devices.usable(options?.signal)).tokenize(text, options);
  }

  free() {
    this.#query = undefined;
    this.#devices.free();
  }

  /**
   * Returns the vector of a query. All portions of a call get the same one: that of another device has other bits, and in
   * int8 other digits. A vector from before a failure of the GPU is not used again.
   */
  async #embedQuery(text, signal) {
    if (this.#query?.text !== text || this.#query.failures !== this.#devices.failures) {
      const vector = (await this.embed([text], QUERY, { signal })).data;
      this.#query = { text, vector, failures: this.#devices.failures };
    }
    return this.#query.vector;
  }
}

export class DeviceRerankEngine {
  #devices;
  /** The last call, `{ id, device }`. */
  #call;
  parallel = 1;

  constructor(devices) {
    this.#devices = devices;
    this.content = devices.primary.content;
    this.info = deviceInfo(devices);
  }

  /** `call`, `{ id, pairs }`, is the call that the texts are a portion of: one device scores all its pairs. */
  async rerank(query, texts, { call, ...options } = {}) {
    if (call && call.id !== this.#call?.id) this.#call = { id: call.id, device: this.#devices.deviceFor(texts, call.pairs) };
    const work = (engine, part, more) => engine.rerank(query, part, more);
    const results = await this.#devices.run(texts, work, { ...options, pinned: call && this.#call.device });
    if (results.length === 1) return results[0];
    const whole = { logits: new Float32Array(texts.length), scores: new Float32Array(texts.length) };
    let at = 0;
    for (const { logits, scores } of results) {
      whole.logits.set(logits, at);
      whole.scores.set(scores, at);
      at += logits.length;
    }
    return whole;
  }

  async tokenizePair(query, text, options) {
    return (await this.#devices.usable(options?.signal)).tokenizePair(query, text, options);
  }

  free() {
    this.#devices.free();
  }
}
