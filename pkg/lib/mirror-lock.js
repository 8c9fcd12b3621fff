// Files without a hash all come from one mirror, as nothing else tells versions apart: from the one where the first of
// them is tried. When none of them has come from there, and none is on its way, another place may be tried.
import { untilAborted } from "./abort.js";

export class MirrorLock {
  /** The place that every file without a hash comes from; undefined as long as another may be taken. */
  index;
  #isFixed = false;
  #activeFiles = 0;
  #changed = deferred();

  /** Whether a file may be tried at a mirror. It waits for those that are on their way from another one. */
  async acquire(index, signal) {
    while (this.index !== undefined && this.index !== index) {
      if (this.#isFixed) return false;
      await untilAborted(this.#changed.promise, signal);
    }
    this.index = index;
    this.#activeFiles++;
    return true;
  }

  /** What came of a file that was claimed: whether it came whole from there. */
  release(isComplete) {
    this.#activeFiles--;
    this.#isFixed ||= isComplete;
    if (this.#activeFiles === 0 && !this.#isFixed) this.index = undefined;
    this.#changed.resolve();
    this.#changed = deferred();
  }
}

function deferred() {
  const result = {};
  result.promise = new Promise((resolve) => (result.resolve = resolve));
  return result;
}
