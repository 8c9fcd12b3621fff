// Memory that a test shares with support/unruly-thread.mjs in a worker of Node's: the steps of its calls into
// WebAssembly are counted, halt where the test says so, and its live bytes can be read.
import { liveBytes } from "./leaks.mjs";

// Int32: the steps so far, the step to halt at (0: none), and whether the worker is halted there.
const [STEPS, HALT_AT, IS_HALTED] = [0, 1, 2];
const BYTES_OFFSET = 16; // one Float64

const viewsOf = (buffer) => ({ ints: new Int32Array(buffer, 0, 3), bytes: new Float64Array(buffer, BYTES_OFFSET, 1) });

/** The test's side; `buffer` is the worker's `workerData`. */
export function sharedState() {
  const buffer = new SharedArrayBuffer(BYTES_OFFSET + 8);
  const { ints, bytes } = viewsOf(buffer);
  return {
    buffer,
    /** Steps of calls into WebAssembly since the worker started. */
    get steps() {
      return Atomics.load(ints, STEPS);
    },
    /** Lets the worker halt after `count` more steps. */
    haltAfter(count) {
      Atomics.store(ints, HALT_AT, Atomics.load(ints, STEPS) + count);
    },
    /** Resolves when the worker has halted. */
    async untilHalted() {
      while (Atomics.load(ints, IS_HALTED) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    },
    /** Lets a halted worker go on. */
    go() {
      Atomics.store(ints, HALT_AT, 0);
      Atomics.store(ints, IS_HALTED, 0);
      Atomics.notify(ints, IS_HALTED);
    },
    /** Live bytes of the worker's JavaScript when it last embedded the text "measure". */
    get bytes() {
      return bytes[0];
    },
  };
}

/** The worker's side. */
export function threadSide(buffer) {
  const { ints, bytes } = viewsOf(buffer);
  return {
    step() {
      if (Atomics.add(ints, STEPS, 1) + 1 !== Atomics.load(ints, HALT_AT)) return;
      Atomics.store(ints, IS_HALTED, 1);
      Atomics.wait(ints, IS_HALTED, 1);
    },
    async measure() {
      bytes[0] = await liveBytes();
    },
  };
}
