// The engine of `corom/worker`: the model is in workers, each of which answers one question at a time. ../engine.js lists
// the members of an engine, and thread.js has the worker's side.
import { childController, throwIfAborted } from "../abort.js";
import { inThisRealm } from "../bytes.js";
import { freedError } from "../engine.js";

export class WorkerEngine {
  #pool;
  #keptIds = new Set();
  #hasKept = false;

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

  async score(query, { texts, vectors, kept }, metric, options) {
    const ask = (portion) => this.#ask("score", [query, portion, metric], options);
    if (texts) return ask({ texts });
    const values = kept && (await ask({ kept }));
    // A view is copied, because its whole buffer would be cloned.
    return values ?? (vectors && ask({ kept, vectors: vectors.slice() }));
  }

  /** The vectors are sent to a worker when it scores them first. */
  keep(id) {
    this.#keptIds.add(id);
    this.#hasKept = true;
    return true;
  }

  /** Each worker frees the vectors at its next question. */
  release(id) {
    this.#keptIds.delete(id);
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
      if (controller.signal.aborted) return;
      try {
        onDone(count);
      } catch (thrown) {
        controller.abort(thrown);
      }
    };
    try {
      const question = { method, args, reports: onDone !== undefined };
      if (this.#hasKept) question.kept = [...this.#keptIds];
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
