// Starts the worker that the option `worker` selects.
import { shownAddress } from "../address.js";
import { unexpected } from "../arguments.js";
import { CoromError, invalid, messageOf } from "../errors.js";

/** The workers that were started. A worker serves one connection only. */
const started = new WeakSet();

/**
 * Starts a worker. `option` is the option `worker`: a function that returns a worker, the URL of a script, or
 * undefined. `startDefault` starts this package's own script, and `startScript(url)` starts the script at a URL.
 */
export function startWorker(option, startDefault, startScript) {
  let worker;
  try {
    if (option === undefined) worker = startDefault();
    else worker = typeof option === "function" ? option() : startScript(option);
  } catch (cause) {
    const reason = withoutSecrets(messageOf(cause), option);
    const advice = /TrustedScriptURL/.test(reason) ? "a TrustedScriptURL as worker" : "the URL of its script as worker";
    const message = `the worker cannot be started (${reason}); pass ${advice}`;
    throw new CoromError("UNSUPPORTED_HOST", message, reason === messageOf(cause) ? { cause } : undefined);
  }
  if (typeof worker?.postMessage !== "function") throw unexpected("worker()", worker, "a Worker");
  if (started.has(worker)) throw invalid("worker(): returned the same worker again; expected a new one for each call");
  started.add(worker);
  return worker;
}

/** Returns a message with the address of the script as messages show it, without a password. */
function withoutSecrets(message, option) {
  if (option === undefined || typeof option === "function") return message;
  const address = String(option);
  const isUrl = /^[a-z][a-z0-9+.-]+:\/\//i.test(address);
  return isUrl ? message.replaceAll(address, () => shownAddress(address)) : message;
}
