// Keeps a worker with the model: starts it, sends calls to it, terminates it if an aborted call does not end in time,
// and starts another worker when a call needs one.
import { onAbort, throwIfAborted, untilAborted } from "../abort.js";
import { CoromError } from "../errors.js";
import { isSameModel } from "../same-model.js";
import { WorkerConnection } from "./connection.js";

/** Minimum time that an aborted call gets before its worker is terminated. */
const MIN_ABORT_TIMEOUT_MS = 1000;
/** Longest delay of setTimeout; timers with a longer delay fire immediately. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Supervisor {
  #spawn;
  #load; // the SharedLoad of the model
  #handlers;
  #abortTimeout;
  #connection;
  #model; // { info, content } of the first load
  #starting = Promise.resolve(); // the running or last reload
  #loadTimeMs = 0;
  #memory = 0;
  #live; // the properties LIVE_INFO, as of the last answer of the worker
  #gpuHistory; // see ../device/history.js

  constructor({ spawn, load, handlers, abortTimeout }) {
    this.#spawn = spawn;
    this.#load = load;
    this.#handlers = handlers;
    this.#abortTimeout = abortTimeout;
  }

  /** Bytes of WebAssembly memory in the worker, as of its last answer; 0 without a worker. */
  get memoryBytes() {
    return this.isRunning ? this.#memory : 0;
  }

  get live() {
    return this.#live;
  }

  /** Returns whether there is a worker, which may still be loading the model. */
  get isRunning() {
    return this.#connection?.ended === false;
  }

  /** Starts a worker and loads the model. Returns the model's info. An abort terminates the worker. */
  async start(signal) {
    const began = performance.now();
    const handlers = { ...this.#handlers, gpuHistory: (history) => (this.#gpuHistory = history) };
    const connection = (this.#connection = new WorkerConnection(this.#spawn, handlers));
    const gpuHistory = { ...this.#gpuHistory, isRestart: this.#model !== undefined };
    try {
      const answering = this.#load.run((message) => connection.ask({ load: { ...message, gpuHistory } }));
      const { value: model, error, memory, live } = await untilAborted(answering, signal);
      if (error) throw error;
      this.#loadTimeMs = performance.now() - began;
      this.#memory = memory;
      this.#live = live;
      this.#model ??= model;
      if (!isSameModel(model, this.#model))
        throw new CoromError("INTEGRITY_MISMATCH", "the source now contains another model; load it again to use it");
      return model.info;
    } catch (error) {
      connection.end(error);
      throw error;
    }
  }

  /**
   * Returns the result of a call. An aborted call may finish its current batch. If that takes longer than the abort
   * timeout, the worker is terminated. `onDone(count)` receives what the worker reports of the call's progress.
   */
  async call(question, signal, onDone) {
    // If this call is aborted during a reload, the reload continues for the next call.
    if (this.#connection.ended) (this.#starting = this.start()).catch(() => {});
    await untilAborted(this.#starting, signal);
    throwIfAborted(signal);
    const connection = this.#connection;
    let timer;
    const abort = () => {
      // By default, wait no longer than a reload would take.
      const limit = this.#abortTimeout ?? Math.max(MIN_ABORT_TIMEOUT_MS, this.#loadTimeMs);
      if (limit < Infinity) timer = setTimeout(() => connection.end(signal.reason), Math.min(limit, MAX_TIMER_MS));
    };
    const release = onAbort(signal, abort);
    try {
      const { value, error, memory, live } = await connection.ask({ call: question }, { onDone, signal });
      this.#memory = memory;
      this.#live = live ?? this.#live;
      if (error) throw memory > 0 ? error : this.#crashedError(error);
      return value;
    } finally {
      release();
      clearTimeout(timer);
    }
  }

  /** Terminates the worker. */
  end(reason) {
    this.#connection?.end(reason);
  }

  /** Terminates a worker whose instance has crashed, and returns the error of the call. */
  #crashedError(cause) {
    this.#connection.end(cause);
    return new CoromError(cause.code, "corom crashed in the worker; the next call loads the model again", { cause });
  }
}
