// The page's end of one worker, from its start to its end.
import { CoromError, invalid, messageOf } from "../errors.js";
import { deserializeError } from "./serialize-error.js";
import { answerFetch } from "./fetch.js";

export class WorkerConnection {
  #channel;
  #handlers;
  #ready = deferred();
  #pendingAnswer; // the one in hand: there is one at a time
  #ending = new AbortController();

  /** `handlers.progress(event)` may throw, which ends the worker; `handlers.shared` are functions that it may call. */
  constructor(spawn, handlers) {
    this.#handlers = handlers;
    this.#channel = spawn({
      message: (message) => this.#ending.signal.aborted || this.#receive(message),
      ended: (cause) => this.end(this.#endedError(cause)),
    });
  }

  get ended() {
    return this.#ending.signal.aborted;
  }

  /** The worker's answer, `{ value, memory, kernel }` or `{ error, memory, kernel }`; rejects with what ended the worker. */
  async ask(question) {
    this.#channel.setBusy(true);
    try {
      if (!this.#ready.done) await this.#ready.promise;
      this.#ending.signal.throwIfAborted();
      this.#pendingAnswer = deferred();
      this.#channel.post(question);
      return await this.#pendingAnswer.promise;
    } catch (error) {
      if (error?.name !== "DataCloneError") throw error;
      throw invalid(`source or options hold what a worker cannot be sent: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#pendingAnswer = undefined;
      this.#channel.setBusy(false);
    }
  }

  /** Asks the worker to give the call in hand up. */
  abort() {
    this.#channel.post({ abort: true });
  }

  /** Ends the worker at once; the question in hand is rejected with the reason. */
  end(reason) {
    if (this.ended) return;
    this.#ending.abort(reason);
    this.#channel.end();
    this.#ready.reject(reason);
    this.#pendingAnswer?.reject(reason);
  }

  #receive({ ready, progress, cause, fetch, answer }) {
    if (ready) {
      this.#watchLock(ready.lock);
      this.#ready.resolve();
    } else if (progress) {
      try {
        this.#handlers.progress(cause ? { ...progress, cause: deserializeError(cause) } : progress);
      } catch (thrown) {
        this.end(thrown);
      }
    } else if (fetch) {
      answerFetch(this.#handlers.shared[fetch.shared], fetch, this.#ending.signal);
    } else {
      const { value, error, ...state } = answer;
      this.#pendingAnswer?.resolve({ value, ...state, error: error && deserializeError(error) });
    }
  }

  /** The lock is the worker's until it is no more: nothing else tells a page that a worker was killed. */
  #watchLock(lock) {
    if (lock === undefined) return;
    const gone = () => this.end(this.#endedError());
    navigator.locks.request(lock, { signal: this.#ending.signal }, gone).catch(() => {});
  }

  #endedError(cause) {
    const said = cause === undefined ? "" : `: ${messageOf(cause)}`;
    const options = cause === undefined ? undefined : { cause };
    if (cause?.code === "ERR_WORKER_OUT_OF_MEMORY")
      return new CoromError("OUT_OF_MEMORY", "the worker ran out of memory; the next call starts another", options);
    if (this.#ready.done)
      return new CoromError("INTERNAL", `the worker ended${said}; the next call starts another`, options);
    return new CoromError(
      "FETCH_FAILED",
      `the worker's script did not start${said}; is it beside the JavaScript that asks for it, ` +
        "and does the Content-Security-Policy allow it (worker-src)?",
      options,
    );
  }
}

function deferred() {
  const result = { done: false };
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  result.promise.then(() => (result.done = true)).catch(() => {}); // whether or not anyone waits
  return result;
}
