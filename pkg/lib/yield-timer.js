// Long work gives the event loop its turn: timers fire, pages paint, aborts arrive.

const YIELD_INTERVAL_MS = 8;

// Best first. Not scheduler.yield(), which may run ahead of timers and messages; a timeout is clamped to 4 ms in pages.
// The edge runtime of Next.js has the first two, but they only throw.
const yieldMethods = [(resolve) => setImmediate(resolve), viaMessageChannel, (resolve) => setTimeout(resolve, 0)];

/** Resolves after the tasks that are waiting in the event loop. */
export function yieldToEventLoop() {
  return new Promise((resolve) => {
    for (;;) {
      try {
        yieldMethods[0](resolve);
        return;
      } catch (error) {
        if (yieldMethods.length === 1) throw error;
        yieldMethods.shift();
      }
    }
  });
}

function viaMessageChannel(resolve) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(null);
}

/** Counts the time since the last turn of the event loop. */
export class YieldTimer {
  #since = performance.now();

  /** True when the work since the last turn took so long that another is due. */
  get isDue() {
    return performance.now() - this.#since > YIELD_INTERVAL_MS;
  }

  async yieldNow() {
    await yieldToEventLoop();
    this.#since = performance.now();
  }
}
