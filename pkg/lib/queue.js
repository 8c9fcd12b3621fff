// Calls on one instance run one after the other, in the order they were made.
import { throwIfAborted, untilAborted } from "./abort.js";

export class Queue {
  #last = Promise.resolve();

  /**
   * Runs `task` when the tasks before it are done. An abort rejects at once, also while waiting;
   * a task that has not begun by then never begins.
   */
  run(task, signal) {
    const mine = this.#last.then(() => {
      throwIfAborted(signal);
      return task();
    });
    this.#last = mine.catch(() => {}); // the next task runs whatever came of this one
    return untilAborted(mine, signal);
  }
}
