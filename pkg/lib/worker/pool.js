// The workers of one instance. Each has the whole model. A question goes to a free worker; if none is free it waits, and
// the question that has waited longest goes first.
import { throwIfAborted } from "../abort.js";

export class Pool {
  #supervisors;
  #free;
  #waiting = []; // { take, reject }
  #closed; // { reason } after close()

  /** `supervisors` has one Supervisor per worker, at least one. */
  constructor(supervisors) {
    this.#supervisors = supervisors;
    this.#free = [...supervisors];
  }

  /** Returns the number of workers. */
  get size() {
    return this.#supervisors.length;
  }

  /** Bytes of WebAssembly memory of all workers, as of their last answers. */
  get memoryBytes() {
    return this.#supervisors.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  }

  /** Bytes of WebAssembly memory of the worker that has most, as of its last answer. */
  get workerMemoryBytes() {
    return Math.max(...this.#supervisors.map(({ memoryBytes }) => memoryBytes));
  }

  /** The properties LIVE_INFO of a worker, as of its last answer: of the first one that does without its GPU, if any. */
  get live() {
    const all = this.#supervisors.map(({ live }) => live);
    return all.find((live) => live?.fallback !== undefined) ?? all[0];
  }

  /** Starts all workers and loads the model in each. Returns the model's info. A failure ends all workers. */
  async start(signal) {
    try {
      const [info] = await Promise.all(this.#supervisors.map((supervisor) => supervisor.start(signal)));
      return info;
    } catch (error) {
      this.close(error);
      throw error;
    }
  }

  /** Asks a worker, as `Supervisor.call` does. */
  async call(question, signal, onDone) {
    const supervisor = await this.#takeFree(signal);
    try {
      return await supervisor.call(question, signal, onDone);
    } finally {
      this.#release(supervisor);
    }
  }

  /** Ends all workers. The next questions start them again. */
  end() {
    for (const supervisor of this.#supervisors) supervisor.end();
  }

  /** Ends all workers for good. Pending questions and later ones are rejected with the reason. */
  close(reason) {
    this.#closed ??= { reason };
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    for (const supervisor of this.#supervisors) supervisor.end(reason);
  }

  /**
   * Returns a free worker. The first one is preferred, because it has the vectors of recent queries, unless it would
   * have to load the model again.
   */
  async #takeFree(signal) {
    if (this.#closed) throw this.#closed.reason;
    throwIfAborted(signal);
    if (this.#free.length > 0) {
      const running = this.#free.findIndex(({ isRunning }) => isRunning);
      return this.#free.splice(Math.max(0, running), 1)[0];
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      const stopListening = () => signal?.removeEventListener("abort", abort);
      const entry = {
        take: (supervisor) => (stopListening(), resolve(supervisor)),
        reject: (reason) => (stopListening(), reject(reason)),
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(entry);
    });
  }

  #release(supervisor) {
    const next = this.#waiting.shift();
    if (next) return next.take(supervisor);
    this.#free.push(supervisor);
    this.#free.sort((a, b) => this.#supervisors.indexOf(a) - this.#supervisors.indexOf(b));
  }
}
