// The class `Corom` of `corom/worker`. It checks arguments and queues calls, as lib/corom.js does. The work is done in
// a worker. See worker.d.ts for the public methods.
import { throwIfAborted } from "../abort.js";
import * as check from "../arguments.js";
import { Embeddings } from "../embeddings.js";
import { CoromError, invalid } from "../errors.js";
import { Queue } from "../queue.js";

/** Token that only `load` passes to the constructor, so that the constructor is not public. */
export const loaded = Symbol("loaded");

export class Corom {
  #supervisor;
  #queue = new Queue();
  #freed = false;

  constructor(token, { supervisor, info } = {}) {
    if (token !== loaded) throw invalid("Corom has no public constructor; use await Corom.load(source)");
    this.#supervisor = supervisor;
    const own = { ...info };
    Object.defineProperties(own, {
      wasmMemory: { enumerable: true, get: () => supervisor.memoryBytes },
      kernel: { enumerable: true, get: () => supervisor.kernel },
    });
    Object.defineProperty(this, "info", { enumerable: true, value: Object.freeze(own) });
  }

  async embed(texts, options) {
    this.#assertNotFreed();
    const list = check.textOrTexts(texts, "texts");
    check.prompt(check.options(options).prompt);
    const { data, report } = await this.#call("embed", [list], options, { prompt: options?.prompt });
    return new Embeddings(data, list.length, this.info.dimension, report);
  }

  async score(query, documents, options) {
    this.#assertNotFreed();
    const { text, list, metric } = check.comparison(query, documents, options);
    return this.#call("score", [text, list], options, { metric });
  }

  async rank(query, documents, options) {
    this.#assertNotFreed();
    const { text, list, metric } = check.comparison(query, documents, options);
    const topK = check.topK(options?.topK);
    return this.#call("rank", [text, list], options, { metric, topK });
  }

  async pipeline(input, options) {
    this.#assertNotFreed();
    const { sources, compared } = check.pipelineInput(input);
    const modelscopeVersion = check.modelscopeVersion(check.options(options).modelscopeVersion);
    const plainInput = { source_sentence: sources, sentences_to_compare: compared };
    return this.#call("pipeline", [plainInput], options, { modelscopeVersion });
  }

  async tokenize(text, options) {
    this.#assertNotFreed();
    return this.#call("tokenize", [check.text(text, "text")], options);
  }

  async unload() {
    this.#assertNotFreed();
    return this.#queue.run(() => {
      this.#assertNotFreed();
      this.#supervisor.end();
    });
  }

  free() {
    if (this.#freed) return;
    this.#freed = true;
    this.#supervisor.end(freedError());
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  #assertNotFreed() {
    if (this.#freed) throw freedError();
  }

  /** Queues a call. `workerOptions` are the options that the worker needs. */
  async #call(method, args, given, workerOptions = {}) {
    const { signal, abortPrevious } = check.options(given);
    throwIfAborted(signal);
    const ask = (callSignal) => {
      this.#assertNotFreed();
      return this.#supervisor.call({ method, args, options: workerOptions }, callSignal);
    };
    return this.#queue.run(ask, { signal, abortPrevious });
  }
}

const freedError = () => new CoromError("FREED", "this instance was freed; load the model again");
