// Long work gives the event loop its turn: timers fire, pages paint, aborts arrive.

const PATIENCE_MS = 8;

// Best first. Not scheduler.yield(), which may run ahead of timers and messages; a timeout is clamped to 4 ms in pages.
// The edge runtime of Next.js has the first two, but they only throw.
const ways = [(resolve) => setImmediate(resolve), throughChannel, (resolve) => setTimeout(resolve, 0)];

/** Resolves after the tasks that are waiting in the event loop. */
export function nextTurn() {
  return new Promise((resolve) => {
    for (;;) {
      try {
        ways[0](resolve);
        return;
      } catch (error) {
        if (ways.length === 1) throw error;
        ways.shift();
      }
    }
  });
}

function throughChannel(resolve) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(null);
}

/** Counts the time since the last turn of the event loop. */
export class Turns {
  #since = performance.now();

  /** True when the work since the last turn took so long that another is due. */
  get due() {
    return performance.now() - this.#since > PATIENCE_MS;
  }

  async take() {
    await nextTurn();
    this.#since = performance.now();
  }
}
