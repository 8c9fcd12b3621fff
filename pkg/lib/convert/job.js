// Runs one job in a worker of its own, and ends the worker after it.
import { onAbort, reasonOf, throwIfAborted } from "../abort.js";
import { CoromError, messageOf } from "../errors.js";
import { deserializeError } from "../worker/serialize-error.js";

/**
 * Runs a job (see thread.js) and returns its value, when the worker has ended. `spawn(worker, handlers)` starts the
 * worker. `receive(message)` is called with messages of the job; if it throws, the job ends with that error.
 */
export async function runJob(spawn, job, { worker, signal, receive }) {
  throwIfAborted(signal);
  let release;
  let thread;
  try {
    return await new Promise((resolve, reject) => {
      let isFailed = false;
      const fail = (error) => {
        isFailed = true;
        reject(error);
      };
      release = onAbort(signal, () => fail(reasonOf(signal)));
      const message = (received) => isFailed || handle(received, resolve, fail, receive);
      thread = spawn(worker, { message, ended: rejectWith(fail) });
      thread.post(job);
    });
  } catch (error) {
    if (error?.name !== "DataCloneError") throw error;
    const message = `source or options cannot be sent to a worker: ${messageOf(error)}`;
    throw new CoromError("INVALID_ARGUMENT", message, { cause: error });
  } finally {
    release();
    await thread?.end();
  }
}

function handle(message, resolve, reject, receive) {
  if (message.error) return reject(deserializeError(message.error));
  if ("value" in message) return resolve(message.value);
  try {
    receive(message);
  } catch (thrown) {
    reject(thrown);
  }
}

/** Returns a function that rejects with the error of a worker that ended by itself. */
const rejectWith = (reject) => (cause) => {
  const options = cause === undefined ? undefined : { cause };
  const reason = cause === undefined ? "" : `: ${messageOf(cause)}`;
  if (cause?.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return reject(new CoromError("OUT_OF_MEMORY", "the converter's worker ran out of memory", options));
  }
  reject(
    new CoromError(
      "FETCH_FAILED",
      `the converter's worker did not start, or has ended${reason}; check that its script is served beside corom's ` +
        "other files, and that the Content-Security-Policy allows it (worker-src)",
      options,
    ),
  );
};
