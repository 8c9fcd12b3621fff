// Locks by name. Two tabs, or two loads in one page, that need the same file download it only once.
import { childController, reasonOf, untilAborted } from "./abort.js";

/** Time to wait for a lock holder that makes no progress. It may be a frozen tab. */
const LOCK_STALL_TIMEOUT_MS = 15_000;

/**
 * Runs `work` while holding the lock `name`. `getProgress()` returns how far the lock's holder is. If that does not
 * change for `stallTimeoutMs`, `work` runs without the lock: the file is then downloaded twice, which is slower but
 * correct.
 */
export async function withLock(name, { signal, getProgress, stallTimeoutMs = LOCK_STALL_TIMEOUT_MS }, work) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return withLocalLock(name, { signal, getProgress, stallTimeoutMs }, work);
  for (let before; ;) {
    const { controller, release } = childController(signal);
    const stalled = Symbol("stalled");
    const timer = setTimeout(() => controller.abort(stalled), stallTimeoutMs);
    let isHeld = false;
    try {
      return await locks.request(name, { signal: controller.signal }, () => {
        isHeld = true;
        clearTimeout(timer);
        return work();
      });
    } catch (error) {
      if (isHeld) throw error;
      if (error !== stalled) {
        if (signal?.aborted) throw reasonOf(signal);
        return await work(); // locks are not allowed here, for example in a page with an opaque origin
      }
      const now = await getProgress();
      if (now === before) return await work();
      before = now;
    } finally {
      clearTimeout(timer);
      release();
    }
  }
}

const queues = new Map();

/** Implements `withLock` within this program, for hosts without Web Locks. */
async function withLocalLock(name, { signal, getProgress, stallTimeoutMs }, work) {
  const before = queues.get(name);
  let open;
  const mine = new Promise((resolve) => (open = resolve));
  const tail = Promise.resolve(before).then(() => mine);
  queues.set(name, tail);
  try {
    let progress = Symbol("unknown");
    while (before && !(await fulfilledWithin(before, stallTimeoutMs, signal))) {
      const last = progress;
      progress = await getProgress();
      if (progress === last) break;
    }
    return await work();
  } finally {
    open();
    if (queues.get(name) === tail) queues.delete(name);
  }
}

/** Returns whether a promise is fulfilled within `ms` milliseconds. Rejects with the signal's reason. */
async function fulfilledWithin(promise, ms, signal) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, false)));
  try {
    return await untilAborted(Promise.race([promise.then(() => true), late]), signal);
  } finally {
    clearTimeout(timer);
  }
}
