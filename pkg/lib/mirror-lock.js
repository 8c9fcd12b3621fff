// Keeps all files without a SHA-256 on one mirror, because without hashes corom cannot detect that two mirrors serve
// different versions. The first mirror tried is used. Another mirror may be tried only while no file has been
// completely transferred from it and no transfer is running.
import { untilAborted } from "./abort.js";

export class MirrorLock {
  /** Index of the mirror that files without a SHA-256 use; undefined while any mirror may be used. */
  index;
  #isFixed = false;
  #activeFiles = 0;
  #changed = deferred();

  /**
   * Returns whether a file may be transferred from the mirror `index`. Waits for running transfers from another mirror.
   */
  async acquire(index, signal) {
    while (this.index !== undefined && this.index !== index) {
      if (this.#isFixed) return false;
      await untilAborted(this.#changed.promise, signal);
    }
    this.index = index;
    this.#activeFiles++;
    return true;
  }

  /** Ends a transfer that `acquire` allowed. `isComplete` is whether the file was completely transferred. */
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
