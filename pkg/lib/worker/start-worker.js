// A worker, as the option `worker` has it.
import { CoromError, invalid, messageOf } from "../errors.js";

/** What the caller's function makes, the script at the caller's URL, or, without either, this package's own. */
export function startWorker(given, own, at) {
  let worker;
  try {
    if (given === undefined) worker = own();
    else worker = typeof given === "function" ? given() : at(given);
  } catch (cause) {
    const said = `a worker cannot be started here: ${messageOf(cause)}`;
    throw new CoromError("UNSUPPORTED_HOST", `${said}; the option worker says where its script is`, { cause });
  }
  if (typeof worker?.postMessage !== "function") throw invalid("worker() must give a Worker");
  return worker;
}
