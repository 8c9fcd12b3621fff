// The engines of instances that may run on a GPU. They have the members of engine.js and rerank-engine.js, and divide the
// work between two such engines.
import { throwIfAborted } from "../abort.js";
import { EmbedResult } from "../embed-result.js";
import { deviceInfo } from "./info.js";

const QUERY = { kind: "query" };
const DOCUMENT = { kind: "document" };

export class DeviceEngine {
  #devices;
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
    const vector = query.vector ?? (await this.embed([query.text], QUERY, { signal })).data;
    const { texts } = portion;
    const vectors = texts && (await this.embed(texts, DOCUMENT, { signal, onDone })).data;
    throwIfAborted(signal);
    const engine = await this.#devices.usable(signal);
    return engine.score({ vector }, texts ? { vectors } : portion, metric, { signal });
  }

  /** Vectors of a GPU's instance get lost when it fails. */
  keep(id, portions) {
    this.#devices.primary.keep(id, portions);
    return this.#devices.mayChange;
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
    this.#devices.free();
  }
}

export class DeviceRerankEngine {
  #devices;
  parallel = 1;

  constructor(devices) {
    this.#devices = devices;
    this.content = devices.primary.content;
    this.info = deviceInfo(devices);
  }

  async rerank(query, texts, options) {
    const results = await this.#devices.run(texts, (engine, part, more) => engine.rerank(query, part, more), options);
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
