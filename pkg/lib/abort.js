// AbortSignal: what is thrown is always the signal's own reason.

export function throwIfAborted(signal) {
  if (signal?.aborted) throw signal.reason;
}

/** The promise's outcome, or the signal's reason as soon as it aborts. */
export function untilAborted(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** A controller that aborts when `signal` does; `release` unties them. */
export function childController(signal) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return { controller, release: () => signal?.removeEventListener("abort", abort) };
}

/** Resolves after a while, or rejects with the signal's reason. */
export async function delay(ms, signal) {
  let timer;
  try {
    await untilAborted(new Promise((resolve) => (timer = setTimeout(resolve, ms))), signal);
  } finally {
    clearTimeout(timer);
  }
}
