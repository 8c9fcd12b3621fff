// Checks the options that only `corom/worker` has.
import { unexpected } from "../arguments.js";
import { isUrl } from "../bytes.js";

export const WORKER_OPTIONS = ["worker", "abortTimeout"];

/** Returns the options, or throws INVALID_ARGUMENT if one has the wrong type. */
export function checkWorkerOptions(options) {
  const { worker, abortTimeout } = options;
  if (worker !== undefined && !["string", "function"].includes(typeof worker) && !isUrl(worker))
    throw unexpected("worker", worker, "a URL or a function that returns a Worker");
  if (abortTimeout !== undefined && !(typeof abortTimeout === "number" && abortTimeout >= 0))
    throw unexpected("abortTimeout", abortTimeout, "milliseconds: a number of at least 0");
  return options;
}
