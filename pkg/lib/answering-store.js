// A store (cache.js) whose operations always end. Storage can hang: `navigator.storage.getDirectory` in a damaged
// profile, a folder on a network that is gone.
import { onAbort, reasonOf } from "./abort.js";

/** Time that an operation gets. */
const LIMIT_MS = 6000;
/** Time that an operation gets after the load was aborted, so that received bytes are still written. */
const ABORTED_LIMIT_MS = 400;

const OPERATIONS = ["read", "readParts", "write", "remove", "sizeOf", "modifiedAt"];
const ITERATIONS = ["folders", "names"];

/** Wraps a store. Its operations throw an error after `limitMs`, or the signal's reason soon after an abort. */
export function answeringStore(store, { signal, limitMs = LIMIT_MS } = {}) {
  const within = (promise) => answered(promise, { signal, limitMs });
  const wrapped = { isAbandoned: (name) => store.isAbandoned?.(name) ?? false };
  for (const name of OPERATIONS) wrapped[name] = (...args) => within(store[name](...args));
  for (const name of ITERATIONS) {
    wrapped[name] = async function* (...args) {
      const iterator = store[name](...args)[Symbol.asyncIterator]();
      for (let next; !(next = await within(iterator.next())).done;) yield next.value;
    };
  }
  return wrapped;
}

/** Settles as the promise does. Rejects if that takes too long, or soon after an abort. */
export async function answered(promise, { signal, limitMs = LIMIT_MS, abortedLimitMs = ABORTED_LIMIT_MS } = {}) {
  let timer;
  let release;
  const late = new Promise((_, reject) => {
    const limit = (ms, fail) => {
      clearTimeout(timer);
      // Two halves: after a long task of this thread, the first timer can fire before the answer is delivered.
      timer = setTimeout(() => (timer = setTimeout(fail, ms / 2)), ms / 2);
    };
    limit(limitMs, () => reject(new Error(`storage did not answer for ${limitMs / 1000} s`)));
    release = onAbort(signal, () => limit(abortedLimitMs, () => reject(reasonOf(signal))));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    release();
  }
}
