// The options that only `corom/worker` has.
import { describeValue } from "../arguments.js";
import { invalid } from "../errors.js";

/** Throws INVALID_ARGUMENT where one is not what it should be. */
export function checkWorkerOptions({ worker, abortTimeout }) {
  if (worker !== undefined && !["string", "function"].includes(typeof worker) && !(worker instanceof URL))
    throw invalid(`worker must be a URL or a function that makes a Worker, not ${describeValue(worker)}`);
  if (abortTimeout !== undefined && !(typeof abortTimeout === "number" && abortTimeout >= 0))
    throw invalid(`abortTimeout must be a number of milliseconds, at least 0, not ${describeValue(abortTimeout)}`);
}
