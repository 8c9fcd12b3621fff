// Runs work on the items of a list, some of them at the same time.

/** Awaits `work(item)` for each item, at most `limit` at the same time. The first failure rejects; no further item begins. */
export async function concurrently(items, limit, work) {
  const rest = [...items];
  const next = async () => {
    try {
      while (rest.length > 0) await work(rest.shift());
    } catch (error) {
      rest.length = 0;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: limit }, next));
}
