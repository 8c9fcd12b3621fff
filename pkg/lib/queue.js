// Queue of the calls on one instance. Calls run one after the other, in the order in which they were made.
import { childController, throwIfAborted, untilAborted } from "./abort.js";

export class Queue {
  #last = Promise.resolve();
  #newest; // controller of the pending call that the next call with `abortPrevious` aborts

  /**
   * Runs `task(signal)` after all earlier tasks. An abort rejects the promise immediately, even while the task waits; a
   * task that has not started is then never started. `abortPrevious` aborts the previous pending task that was queued
   * with `abortPrevious`.
   */
  run(task, { signal, abortPrevious = false } = {}) {
    if (!abortPrevious) return this.#enqueue(task, signal);
    this.#newest?.abort(new DOMException("aborted by a newer call with abortPrevious", "AbortError"));
    const { controller, release } = childController(signal);
    this.#newest = controller;
    return this.#enqueue(task, controller.signal).finally(() => {
      release();
      if (this.#newest === controller) this.#newest = undefined;
    });
  }

  #enqueue(task, signal) {
    const mine = this.#last.then(() => {
      throwIfAborted(signal);
      return task(signal);
    });
    this.#last = mine.catch(() => {}); // the next task runs even if this task fails
    return untilAborted(mine, signal);
  }
}
