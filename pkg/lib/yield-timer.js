// Yields to the event loop during long work, so that timers fire, pages paint, and aborts arrive.

/** Longest time between two yields. */
const YIELD_INTERVAL_MS = 8;

// Best first. setTimeout is last, because pages clamp it to 4 ms. scheduler.yield() is not used, because it may
// continue before timers and messages. In the edge runtime of Next.js the first two exist but throw.
const yieldMethods = [(resolve) => setImmediate(resolve), viaMessageChannel, (resolve) => setTimeout(resolve, 0)];

/** Resolves after the tasks that are already waiting in the event loop. */
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

/** Measures the time since the last yield. */
export class YieldTimer {
  #since = performance.now();

  /** Returns true if the last yield is long enough ago that another yield is due. */
  get isDue() {
    return performance.now() - this.#since > YIELD_INTERVAL_MS;
  }

  /** Yields to the event loop. */
  async yieldNow() {
    await yieldToEventLoop();
    this.#since = performance.now();
  }
}
