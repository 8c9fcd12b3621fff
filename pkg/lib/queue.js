// Calls on one instance run one after the other, in the order they were made.
import { childController, throwIfAborted, untilAborted } from "./abort.js";

export class Queue {
  #last = Promise.resolve();
  #newest; // controller of the pending call that the next one with `abortPrevious` replaces

  /**
   * Runs `task(signal)` when the tasks before it are done. An abort rejects at once, also while waiting;
   * a task that has not begun by then never begins. With `abortPrevious` it aborts the one before it that
   * had `abortPrevious` too.
   */
  run(task, { signal, abortPrevious = false } = {}) {
    if (!abortPrevious) return this.#enqueue(task, signal);
    this.#newest?.abort(new DOMException("a newer call took this one's place", "AbortError"));
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
    this.#last = mine.catch(() => {}); // the next task runs whatever came of this one
    return untilAborted(mine, signal);
  }
}
