// Runs work on the items of a list, some of them at the same time.

/**
 * Awaits `work(item)` for each item, at most `limit` at the same time. After a failure no other item begins, and it is thrown
 * when none is running.
 */
export async function concurrently(items, limit, work) {
  const waiting = [...items];
  const next = async () => {
    try {
      while (waiting.length > 0) await work(waiting.shift());
    } catch (error) {
      waiting.length = 0;
      throw error;
    }
  };
  const running = Array.from({ length: limit }, next);
  try {
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}
