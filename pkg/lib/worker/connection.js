// The page's connection to one worker, from the worker's start to its end. Messages (serialize.js and fetch.js have
// more):
//
//   worker -> page   { ready: { lock } }               once, before anything is sent to the worker
//                    { progress, cause, id }           a progress event of the question `id`, or of a load without it
//                    { done, id }                      texts of the question that are done
//                    { gpuHistory }                    the GPU has failed, see ../device/history.js
//                    { fetch }                         calls a function of the page
//                    { answer: { id, value | error, … } }   and the state of the worker: memory, live (LIVE_INFO)
//   page -> worker   { load, id }, { call, id }        a question; a worker with a model has one at a time
//                    { abort: id }                     aborts a question
import { onAbort } from "../abort.js";
import { CoromError, invalid, messageOf } from "../errors.js";
import { deserializeError } from "./serialize-error.js";
import { answerFetch } from "./fetch.js";

export class WorkerConnection {
  #channel;
  #handlers;
  #ready = deferred();
  #pendingAnswers = new Map(); // by the id of the question
  #lastId = 0;
  #ending = new AbortController();

  /**
   * Starts a worker with `spawn`, the function of a host. `handlers.progress(event)` receives progress events; if it throws, the worker is
   * terminated. `handlers.shared` is the list of functions that the worker may call.
   */
  constructor(spawn, handlers) {
    this.#handlers = handlers;
    this.#channel = spawn({
      message: (message) => this.#ending.signal.aborted || this.#receive(message),
      ended: (cause) => this.end(this.#endedError(cause)),
    });
  }

  /** Returns true if the worker has ended. */
  get ended() {
    return this.#ending.signal.aborted;
  }

  /**
   * Sends a question. Returns the worker's answer, `{ value, … }` or `{ error, … }` with its state. Rejects if the worker
   * ends. `onDone(count)` and `onProgress(event)` receive the worker's reports until then. If `signal` aborts, the worker
   * is told; its answer is still awaited.
   */
  async ask(question, { onDone, onProgress, signal } = {}) {
    const id = ++this.#lastId;
    const pending = { ...deferred(), onDone, onProgress };
    this.#pendingAnswers.set(id, pending);
    this.#channel.setBusy(true);
    let release = () => {};
    try {
      if (!this.#ready.done) await this.#ready.promise;
      this.#ending.signal.throwIfAborted();
      this.#channel.post({ ...question, id });
      release = onAbort(signal, () => this.#channel.post({ abort: id }));
      return await pending.promise;
    } catch (error) {
      if (error?.name !== "DataCloneError") throw error;
      throw invalid(`source or options cannot be sent to a worker: ${messageOf(error)}`, { cause: error });
    } finally {
      release();
      this.#pendingAnswers.delete(id);
      this.#channel.setBusy(this.#pendingAnswers.size > 0);
    }
  }

  /** Terminates the worker. The pending question is rejected with the reason. */
  end(reason) {
    if (this.ended) return;
    this.#ending.abort(reason);
    this.#channel.end();
    this.#ready.reject(reason);
    for (const { reject } of this.#pendingAnswers.values()) reject(reason);
  }

  /** Handles one message of the worker. */
  #receive({ ready, progress, cause, gpuHistory, fetch, done, answer, id }) {
    if (ready) {
      this.#watchLock(ready.lock);
      this.#ready.resolve();
    } else if (progress) {
      const event = cause ? { ...progress, cause: deserializeError(cause) } : progress;
      const { onProgress = this.#handlers.progress } = this.#pendingAnswers.get(id) ?? {};
      try {
        onProgress(event);
      } catch (thrown) {
        this.end(thrown);
      }
    } else if (done !== undefined) {
      this.#pendingAnswers.get(id)?.onDone?.(done);
    } else if (gpuHistory) {
      this.#handlers.gpuHistory(gpuHistory);
    } else if (fetch) {
      answerFetch(this.#handlers.shared[fetch.shared], fetch, this.#ending.signal);
    } else {
      const { id, value, error, ...state } = answer;
      this.#pendingAnswers.get(id)?.resolve({ value, ...state, error: error && deserializeError(error) });
    }
  }

  /**
   * Waits for the Web Lock that the worker holds. Getting the lock means that the worker has ended; there is no other
   * way for a page to detect that the browser killed a worker.
   */
  #watchLock(lock) {
    // The page may have no locks although the worker has: test environments replace `navigator`.
    const locks = globalThis.navigator?.locks;
    if (lock === undefined || typeof locks?.request !== "function") return;
    const gone = () => this.end(this.#endedError());
    const held = async () => locks.request(lock, { signal: this.#ending.signal }, gone);
    held().catch(() => {});
  }

  /** Returns the error of a worker that ended by itself. */
  #endedError(cause) {
    const reason = cause === undefined ? "" : `: ${messageOf(cause)}`;
    const options = cause === undefined ? undefined : { cause };
    const next = "the next call starts another worker";
    if (cause?.code === "ERR_WORKER_OUT_OF_MEMORY")
      return new CoromError("OUT_OF_MEMORY", `the worker ran out of memory; ${next}`, options);
    if (this.#ready.done) return new CoromError("INTERNAL", `the worker ended${reason}; ${next}`, options);
    return new CoromError(
      "FETCH_FAILED",
      `the worker's script did not start${reason}; check that the script is served at its URL, ` +
        "and that the Content-Security-Policy allows it (worker-src)",
      options,
    );
  }
}

function deferred() {
  const result = { done: false };
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  result.promise.then(() => (result.done = true)).catch(() => {}); // a rejection must not be unhandled if nobody waits
  return result;
}
