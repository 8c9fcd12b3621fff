// One at a time: two tabs, or two loads of one page, that want the same file download it once.
import { childController, untilAborted } from "./abort.js";

/** How long to wait for another tab that brings nothing: it may be frozen. */
const LOCK_STALL_TIMEOUT_MS = 15_000;

/**
 * Runs `work` while nobody else runs any under this name. `getProgress()` says how much there is of what is waited
 * for; when that no longer changes, `work` runs beside the other's, which costs time but harms nothing.
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
        if (signal?.aborted) throw signal.reason;
        return await work(); // locks are refused here, to a page without an origin for instance
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

/** The same within this program, where the host has no locks. */
async function withLocalLock(name, { signal, getProgress, stallTimeoutMs }, work) {
  const before = queues.get(name);
  let open;
  const mine = new Promise((resolve) => (open = resolve));
  const tail = Promise.resolve(before).then(() => mine);
  queues.set(name, tail);
  try {
    let moved;
    for (let last = Symbol("unknown"); before && !(await fulfilledWithin(before, stallTimeoutMs, signal)); last = moved) {
      moved = await getProgress();
      if (moved === last) break;
    }
    return await work();
  } finally {
    open();
    if (queues.get(name) === tail) queues.delete(name);
  }
}

/** Whether a promise is fulfilled within so many ms; rejects with the signal's reason. */
async function fulfilledWithin(promise, ms, signal) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, false)));
  try {
    return await untilAborted(Promise.race([promise.then(() => true), late]), signal);
  } finally {
    clearTimeout(timer);
  }
}
