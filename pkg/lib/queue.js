// Queue of the calls on one instance. Calls run in the order in which they were made: one after the other, or with a pool
// of workers at the same time.
import { childController, throwIfAborted, untilAborted } from "./abort.js";

export class Queue {
  #isSerial;
  #before = Promise.resolve(); // what the next task waits for
  #running = new Set(); // the tasks that have not ended
  #newest; // controller of the pending call that the next call with `abortPrevious` aborts

  /** With `parallel` 1, a task waits for the task before it. */
  constructor({ parallel = 1 } = {}) {
    this.#isSerial = parallel === 1;
  }

  /**
   * Runs `task(signal)`. An abort rejects the promise immediately, even while the task waits; a task that has not started
   * is then never started. `abortPrevious` aborts the previous pending task that was queued with `abortPrevious`. An
   * exclusive task runs after all earlier tasks and before all later ones.
   */
  run(task, { signal, abortPrevious = false, isExclusive = false } = {}) {
    if (!abortPrevious) return this.#enqueue(task, signal, isExclusive);
    this.#newest?.abort(new DOMException("aborted by a newer call with abortPrevious", "AbortError"));
    const { controller, release } = childController(signal);
    this.#newest = controller;
    return this.#enqueue(task, controller.signal, isExclusive).finally(() => {
      release();
      if (this.#newest === controller) this.#newest = undefined;
    });
  }

  #enqueue(task, signal, isExclusive) {
    const before = isExclusive ? Promise.all([this.#before, ...this.#running]) : this.#before;
    const mine = before.then(() => {
      throwIfAborted(signal);
      return task(signal);
    });
    const ended = mine.catch(() => {}); // the next task runs even if this task fails
    if (this.#isSerial || isExclusive) this.#before = ended;
    else {
      this.#running.add(ended);
      ended.then(() => this.#running.delete(ended));
    }
    return untilAborted(mine, signal);
  }
}
