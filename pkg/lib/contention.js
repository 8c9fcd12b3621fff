// Operations of a store (cache.js) beside those of other loads, tabs and programs, which may write or empty the same
// folder.
import { delay } from "./abort.js";

/** An operation is tried so often. The pauses between the tries double; all of them take half a second. */
const MAX_TRIES = 8;
const FIRST_PAUSE_MS = 4;

/** Runs `work`, and again after a pause if `isContended(error)`: another operation was in its way. */
export async function untilUncontended(work, isContended) {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === MAX_TRIES || !isContended(error)) throw error;
    }
    // At random, so that two operations do not meet again.
    await delay(FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()));
  }
}
