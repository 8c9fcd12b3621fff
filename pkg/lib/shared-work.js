// Work that several callers wait for: it runs once, and is aborted when nobody waits any more.
import { onAbort, reasonOf } from "./abort.js";

export class SharedWork {
  #controller = new AbortController();
  #waiting = new Set();
  #promise;
  #lastEvent;

  /** Starts `work(signal, report)` after the current task. `report(event)` sends an event to all callers that wait. */
  constructor(work) {
    this.#promise = Promise.resolve().then(() => work(this.#controller.signal, (event) => this.#report(event)));
    this.#promise.catch(() => {}); // nobody may wait for it any more
  }

  /** Returns true if all callers have left before the end. */
  get isAbandoned() {
    return this.#controller.signal.aborted;
  }

  /**
   * Returns the result of the work. Rejects with the signal's reason, or with what `onProgress` throws, which does not
   * affect other callers.
   */
  join({ signal, onProgress }) {
    return new Promise((resolve, reject) => {
      let release = () => {};
      const leave = () => {
        release();
        this.#waiting.delete(waiter);
      };
      const fail = (error) => {
        leave();
        reject(error);
        if (this.#waiting.size === 0) this.#controller.abort(error);
      };
      const waiter = { onProgress, fail };
      this.#waiting.add(waiter);
      release = onAbort(signal, () => fail(reasonOf(signal)));
      if (signal?.aborted) return;
      this.#promise.then((result) => (leave(), resolve(result)), fail);
      if (this.#lastEvent) this.#send(waiter, this.#lastEvent);
    });
  }

  #report(event) {
    this.#lastEvent = event;
    for (const waiter of [...this.#waiting]) this.#send(waiter, event);
  }

  #send({ onProgress, fail }, event) {
    try {
      onProgress?.(event);
    } catch (thrown) {
      fail(thrown);
    }
  }
}
