// Helpers for AbortSignal. All of them throw the signal's own `reason`.

/** Throws the signal's reason if the signal is aborted. */
export function throwIfAborted(signal) {
  if (signal?.aborted) throw signal.reason;
}

/** Settles as the promise does, or rejects with the signal's reason as soon as the signal aborts. */
export function untilAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Returns a controller that aborts when `signal` does. `release` removes that connection. */
export function childController(signal) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return { controller, release: () => signal?.removeEventListener("abort", abort) };
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
