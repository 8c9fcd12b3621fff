// Files without a hash all come from one place, as nothing else tells versions apart: from the one where the first of
// them is tried. When none of them has come from there, and none is on its way, another place may be tried.
import { untilAborted } from "./abort.js";

export class Pin {
  /** The place that every file without a hash comes from; undefined as long as another may be taken. */
  index;
  #kept = false;
  #trying = 0;
  #settled = signalled();

  /** Whether a file may be tried at a place. It waits for those that are on their way from another one. */
  async claim(index, signal) {
    while (this.index !== undefined && this.index !== index) {
      if (this.#kept) return false;
      await untilAborted(this.#settled.promise, signal);
    }
    this.index = index;
    this.#trying++;
    return true;
  }

  /** What came of a file that was claimed: whether it came whole from there. */
  release(whole) {
    this.#trying--;
    this.#kept ||= whole;
    if (this.#trying === 0 && !this.#kept) this.index = undefined;
    this.#settled.resolve();
    this.#settled = signalled();
  }
}

function signalled() {
  const made = {};
  made.promise = new Promise((resolve) => (made.resolve = resolve));
  return made;
}
