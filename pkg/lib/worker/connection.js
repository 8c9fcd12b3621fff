// The page's connection to one worker, from the worker's start to its end. Messages (serialize.js and fetch.js have
// more):
//
//   worker -> page   { ready: { lock } }               once, before anything is sent to the worker
//                    { progress, cause }               a progress event
//                    { done }                          texts of the current call that are done
//                    { fetch }                         calls a function of the page
//                    { answer: { value | error, memory, kernel } }
//   page -> worker   { load }, { call }                one question at a time
//                    { abort: true }                   aborts the current call
import { CoromError, invalid, messageOf } from "../errors.js";
import { deserializeError } from "./serialize-error.js";
import { answerFetch } from "./fetch.js";

export class WorkerConnection {
  #channel;
  #handlers;
  #ready = deferred();
  #pendingAnswer; // there is at most one
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
   * Sends a question. Returns the worker's answer, `{ value, memory, kernel }` or `{ error, memory, kernel }`. Rejects
   * if the worker ends. `onDone(count)` receives the worker's reports until then.
   */
  async ask(question, onDone) {
    this.#channel.setBusy(true);
    try {
      if (!this.#ready.done) await this.#ready.promise;
      this.#ending.signal.throwIfAborted();
      this.#pendingAnswer = { ...deferred(), onDone };
      this.#channel.post(question);
      return await this.#pendingAnswer.promise;
    } catch (error) {
      if (error?.name !== "DataCloneError") throw error;
      throw invalid(`source or options cannot be sent to a worker: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#pendingAnswer = undefined;
      this.#channel.setBusy(false);
    }
  }

  /** Asks the worker to abort the current call. */
  abort() {
    this.#channel.post({ abort: true });
  }

  /** Terminates the worker. The pending question is rejected with the reason. */
  end(reason) {
    if (this.ended) return;
    this.#ending.abort(reason);
    this.#channel.end();
    this.#ready.reject(reason);
    this.#pendingAnswer?.reject(reason);
  }

  /** Handles one message of the worker. */
  #receive({ ready, progress, cause, fetch, done, answer }) {
    if (ready) {
      this.#watchLock(ready.lock);
      this.#ready.resolve();
    } else if (progress) {
      try {
        this.#handlers.progress(cause ? { ...progress, cause: deserializeError(cause) } : progress);
      } catch (thrown) {
        this.end(thrown);
      }
    } else if (done !== undefined) {
      this.#pendingAnswer?.onDone?.(done);
    } else if (fetch) {
      answerFetch(this.#handlers.shared[fetch.shared], fetch, this.#ending.signal);
    } else {
      const { value, error, ...state } = answer;
      this.#pendingAnswer?.resolve({ value, ...state, error: error && deserializeError(error) });
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
