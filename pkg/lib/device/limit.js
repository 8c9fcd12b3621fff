// A limit on the time of answers of WebGPU, some of which never come.
import { delay } from "../abort.js";
import { CoromError } from "../errors.js";

/**
 * Settles as the promise does, or throws GPU_FAILED with `message` after `limitMs`. `drop` then gets what the promise
 * resolves to later.
 */
export async function withinLimit(promise, limitMs, message, drop = () => {}) {
  const settled = new AbortController();
  let isLate = false;
  const late = delay(limitMs, settled.signal).then(() => {
    isLate = true;
    throw new CoromError("GPU_FAILED", message);
  });
  promise.then((value) => isLate && drop(value), () => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    settled.abort();
  }
}
