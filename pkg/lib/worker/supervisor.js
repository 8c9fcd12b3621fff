// Keeps a worker with the model in it: starts it, asks it, ends it when a call must not go on, and starts another when
// there is none.
import { untilAborted } from "../abort.js";
import { CoromError } from "../errors.js";
import { WorkerConnection } from "./connection.js";

/** Milliseconds: the least that an aborted call gets before its worker is ended. */
const MIN_ABORT_TIMEOUT_MS = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;
/** What must not change when a model is loaded again. The kernel may: two race. */
const INVARIANT_INFO = ["dimension", "layers", "heads", "vocabSize", "maxLength", "pooling", "normalize", "dtype"];

export class Supervisor {
  #spawn;
  #load; // the question that loads the model
  #handlers;
  #abortTimeout;
  #connection;
  #model; // { info, content } of the first load
  #starting = Promise.resolve(); // a later load
  #loadTimeMs = 0;
  #memory = 0;
  #kernel; // the one that is ahead, as the worker last said

  constructor({ spawn, load, handlers, abortTimeout }) {
    this.#spawn = spawn;
    this.#load = load;
    this.#handlers = handlers;
    this.#abortTimeout = abortTimeout;
  }

  /** Bytes of WebAssembly memory in the worker, as it last said. */
  get memoryBytes() {
    return this.#connection?.ended === false ? this.#memory : 0;
  }

  get kernel() {
    return this.#kernel;
  }

  /** A worker with the model in it; an abort ends it. Gives the model's info. */
  async start(signal) {
    const began = performance.now();
    const connection = (this.#connection = new WorkerConnection(this.#spawn, this.#handlers));
    try {
      const { value: model, error, memory, kernel } = await untilAborted(connection.ask({ load: this.#load }), signal);
      if (error) throw error;
      this.#loadTimeMs = performance.now() - began;
      this.#memory = memory;
      this.#kernel = kernel;
      this.#model ??= model;
      if (!isSameModel(model, this.#model))
        throw new CoromError("INTEGRITY_MISMATCH", "the source has another model now; load it anew to use that");
      return model.info;
    } catch (error) {
      connection.end(error);
      throw error;
    }
  }

  /**
   * What a call gives. When it is aborted the worker may end the piece of work in hand; a worker that takes longer than
   * the limit is ended, and with it the call.
   */
  async call(question, signal) {
    // A load that this call no longer waits for goes on for the next one.
    if (this.#connection.ended) (this.#starting = this.start()).catch(() => {});
    await untilAborted(this.#starting, signal);
    signal?.throwIfAborted();
    const connection = this.#connection;
    let timer;
    const abort = () => {
      connection.abort();
      // To wait longer than loading again would take gains nothing.
      const limit = this.#abortTimeout ?? Math.max(MIN_ABORT_TIMEOUT_MS, this.#loadTimeMs);
      if (limit < Infinity) timer = setTimeout(() => connection.end(signal.reason), Math.min(limit, MAX_TIMER_MS));
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const { value, error, memory, kernel } = await connection.ask({ call: question });
      this.#memory = memory;
      this.#kernel = kernel ?? this.#kernel;
      if (error) throw memory > 0 ? error : this.#crashedError(error);
      return value;
    } finally {
      signal?.removeEventListener("abort", abort);
      clearTimeout(timer);
    }
  }

  end(reason) {
    this.#connection.end(reason);
  }

  /** The instance in the worker is of no further use. */
  #crashedError(cause) {
    this.#connection.end(cause);
    return new CoromError(cause.code, "corom crashed in its worker; the next call loads the model again", { cause });
  }
}

/** Whether a model loaded again is the one that was there: by its files' hashes, or as far as its shape tells. */
const isSameModel = (a, b) => a.content === b.content && INVARIANT_INFO.every((field) => a.info[field] === b.info[field]);
