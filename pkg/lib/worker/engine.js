// The engine of `corom/worker`: the model is in workers, each of which answers one question at a time. ../engine.js lists
// the members of an engine, and thread.js has the worker's side.
import { childController, throwIfAborted } from "../abort.js";
import { inThisRealm } from "../bytes.js";
import { freedError } from "../engine.js";

export class WorkerEngine {
  #pool;

  constructor({ pool, info }) {
    this.#pool = pool;
    this.info = { ...info, workers: pool.size };
    Object.defineProperties(this.info, {
      wasmMemory: { enumerable: true, get: () => pool.memoryBytes },
      workerMemory: { enumerable: true, get: () => pool.workerMemoryBytes },
      kernel: { enumerable: true, get: () => pool.kernel },
    });
    this.parallel = pool.size;
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
    this.#pool.close(freedError());
  }

  /** Ends the workers. The next questions start other ones. */
  unload() {
    this.#pool.end();
  }

  /** Returns a worker's answer. If `onDone` throws, the call is aborted, and rejects with what it threw. */
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
      const question = { method, args, reports: onDone !== undefined };
      const value = await this.#pool.call(question, controller.signal, done);
      throwIfAborted(controller.signal); // onDone may have thrown when the answer was on its way
      return inThisRealm(value);
    } catch (error) {
      throwIfAborted(controller.signal);
      throw error;
    } finally {
      release();
    }
  }
}
