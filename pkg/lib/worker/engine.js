// The engine of `corom/worker`: the model is in a worker, which answers one question at a time. ../engine.js lists the
// members of an engine, and thread.js has the worker's side.
import { childController, throwIfAborted } from "../abort.js";
import { freedError } from "../engine.js";

export class WorkerEngine {
  #supervisor;

  constructor({ supervisor, info }) {
    this.#supervisor = supervisor;
    this.info = { ...info };
    Object.defineProperties(this.info, {
      wasmMemory: { enumerable: true, get: () => supervisor.memoryBytes },
      kernel: { enumerable: true, get: () => supervisor.kernel },
    });
  }

  embed(texts, prompt, options) {
    return this.#ask("embed", [texts, prompt], options);
  }

  score(query, { texts, vectors }, metric, options) {
    // A view is copied, because its whole buffer would be cloned.
    return this.#ask("score", [query, texts ? { texts } : { vectors: vectors.slice() }, metric], options);
  }

  order(values, topK, metric) {
    return this.#ask("order", [values, topK, metric]);
  }

  tokenize(text, options) {
    return this.#ask("tokenize", [text], options);
  }

  free() {
    this.#supervisor.end(freedError());
  }

  /** Ends the worker. The next question starts another one. */
  unload() {
    this.#supervisor.end();
  }

  /** Returns the worker's answer. If `onDone` throws, the call is aborted, and rejects with what it threw. */
  async #ask(method, args, { signal, onDone } = {}) {
    const { controller, release } = childController(signal);
    const done = (count) => {
      try {
        onDone(count);
      } catch (thrown) {
        controller.abort(thrown);
      }
    };
    try {
      return await this.#supervisor.call({ method, args, reports: onDone !== undefined }, controller.signal, done);
    } catch (error) {
      throwIfAborted(controller.signal);
      throw error;
    } finally {
      release();
    }
  }
}
