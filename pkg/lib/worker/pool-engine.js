// Base of the engines of `corom/worker`: the model is in workers, each of which answers one question at a
// time. thread.js has the worker's side.
import { childController, throwIfAborted } from "../abort.js";
import { inThisRealm } from "../bytes.js";
import { LIVE_INFO } from "../live-info.js";
import { freedError } from "../model-instance.js";
import { printGetters } from "../print-getters.js";

export class PoolEngine {
  #pool;

  constructor({ pool, info }) {
    this.#pool = pool;
    this.info = printGetters({ ...info, workers: pool.size });
    Object.defineProperties(this.info, {
      wasmMemory: { enumerable: true, get: () => pool.memoryBytes },
      workerMemory: { enumerable: true, get: () => pool.workerMemoryBytes },
    });
    for (const name of LIVE_INFO.filter((name) => name in info)) {
      Object.defineProperty(this.info, name, { enumerable: true, get: () => pool.live[name] });
    }
    this.parallel = pool.size;
  }

  free() {
    this.#pool.close(freedError());
  }

  /** Ends the workers. The next questions start other ones. */
  unload() {
    this.#pool.end();
  }

  /**
   * Returns a worker's answer to the question `{ method, args, … }`. If `onDone` throws, the call is aborted, and rejects
   * with what it threw.
   */
  async ask(question, { signal, onDone } = {}) {
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
      const value = await this.#pool.call({ ...question, reports: onDone !== undefined }, controller.signal, done);
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
