// The Web Lock of a worker, by which the page detects its end.

/**
 * Acquires a Web Lock and holds it until the worker ends, so that the page detects the end. Returns the name of the
 * lock; undefined if there are no locks.
 */
export function holdLock() {
  const { locks } = globalThis.navigator ?? {};
  if (!locks) return undefined;
  const name = `corom worker ${Date.now()} ${Math.random()}`;
  return new Promise((resolve) => {
    locks
      .request(name, () => {
        resolve(name);
        return new Promise(() => {});
      })
      .catch(() => resolve(undefined)); // a sandboxed page is not allowed to use locks
  });
}
