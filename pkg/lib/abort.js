// Helpers for AbortSignal. All of them throw the signal's own `reason`.

/** Throws the signal's reason if the signal is aborted. */
export function throwIfAborted(signal) {
  if (signal?.aborted) throw reasonOf(signal);
}

/** Returns the reason of an aborted signal. Signals of older browsers and of polyfills have none. */
export function reasonOf(signal) {
  return signal.reason === undefined ? new DOMException("This operation was aborted", "AbortError") : signal.reason;
}

/** The functions to call when a signal aborts, per signal. */
const listeners = new WeakMap();

/**
 * Calls `callback` when the signal aborts; at once if it is aborted. Returns a function that ends this. Each signal has
 * one listener of this package, however many calls use it, because Node warns of more than ten.
 */
export function onAbort(signal, callback) {
  if (!signal) return () => {};
  if (signal.aborted) {
    callback();
    return () => {};
  }
  let entry = listeners.get(signal);
  if (!entry) {
    const callbacks = new Set();
    const listener = () => {
      listeners.delete(signal);
      for (const call of callbacks) call();
    };
    entry = { callbacks, listener };
    listeners.set(signal, entry);
    signal.addEventListener("abort", listener, { once: true });
  }
  const own = () => callback(); // the same function may be given twice
  entry.callbacks.add(own);
  return () => {
    entry.callbacks.delete(own);
    if (entry.callbacks.size > 0 || listeners.get(signal) !== entry) return;
    listeners.delete(signal);
    signal.removeEventListener("abort", entry.listener);
  };
}

/** Settles as the promise does, or rejects with the signal's reason as soon as the signal aborts. */
export function untilAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(reasonOf(signal)));
    promise.then(resolve, reject).finally(release);
  });
}

/** Returns a controller that aborts when `signal` does. `release` removes that connection. */
export function childController(signal) {
  const controller = new AbortController();
  return { controller, release: onAbort(signal, () => controller.abort(reasonOf(signal))) };
}

/** Resolves after `ms` milliseconds, or rejects with the signal's reason. */
export async function delay(ms, signal) {
  let timer;
  try {
    await untilAborted(new Promise((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}
