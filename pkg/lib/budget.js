// The time budget of a call: how much work fits into the time that is left.

export class Budget {
  #end;
  #size = 0;
  #timeMs = 0;

  /** `ms` is the time from now on; undefined or Infinity for a call without a budget. */
  constructor(ms = Infinity) {
    this.#end = performance.now() + ms;
  }

  /** Takes the size of a finished portion, and the time that one worker needed for it. */
  measured(size, ms) {
    this.#size += size;
    this.#timeMs += ms;
  }

  /** Returns true if no time is left. */
  get isOver() {
    return this.#end !== Infinity && performance.now() >= this.#end;
  }

  /** Returns the size of a portion that one worker finishes in time. Infinity if nothing has been measured yet. */
  get size() {
    if (this.#end === Infinity || this.#timeMs === 0) return Infinity;
    return ((this.#end - performance.now()) * this.#size) / this.#timeMs;
  }
}
