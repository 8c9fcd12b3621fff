// Checks the options that only `corom/worker` has.
import { unexpected } from "../arguments.js";
import { isUrl } from "../bytes.js";
import { invalid } from "../errors.js";

export const WORKER_OPTIONS = ["worker", "workers", "abortTimeout"];
/** More workers than the processor has cores gain nothing, and each holds the whole model. */
const MAX_WORKERS = 32;

/** Returns whether a value is a URL that a policy of Trusted Types has approved. */
const isTrustedScriptUrl = (value) => Object.prototype.toString.call(value) === "[object TrustedScriptURL]";

/** Throws INVALID_ARGUMENT if the option `worker` is given and does not name a script. */
export function checkWorker(worker) {
  const isScript = ["string", "function"].includes(typeof worker) || isUrl(worker) || isTrustedScriptUrl(worker);
  if (worker !== undefined && !isScript) throw unexpected("worker", worker, "a URL or a function that returns a Worker");
}

/** Returns the options, or throws INVALID_ARGUMENT if one has the wrong type. */
export function checkWorkerOptions(options) {
  const { worker, workers, abortTimeout, webgpu } = options;
  checkWorker(worker);
  if (webgpu !== undefined)
    throw invalid("advanced.gpu: a GPU cannot be sent to a worker, which asks for its own; leave it out, or import corom");
  if (abortTimeout !== undefined && !(typeof abortTimeout === "number" && abortTimeout >= 0))
    throw unexpected("abortTimeout", abortTimeout, "milliseconds: a number of at least 0");
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= MAX_WORKERS))
    throw unexpected("workers", workers, `a whole number from 1 to ${MAX_WORKERS}`);
  return options;
}
