// Keeps a worker with the model in it: starts it, asks it, ends it when a call must not go on, and starts another when
// there is none.
import { untilAborted } from "../abort.js";
import { CoromError } from "../errors.js";
import { Link } from "./link.js";

/** Milliseconds: the least that an aborted call gets before its worker is ended. */
const GRACE = 1000;
const LONGEST_TIMER = 2 ** 31 - 1;
/** What must not change when a model is loaded again. The kernel may: two race. */
const SHAPE = ["dimension", "layers", "heads", "vocabSize", "maxLength", "pooling", "normalize", "dtype"];

export class Supervisor {
  #spawn;
  #load; // the question that loads the model
  #heard;
  #abortTimeout;
  #link;
  #model; // { info, content } of the first load
  #starting = Promise.resolve(); // a later load
  #loadTime = 0;
  #memory = 0;
  #kernel; // the one that is ahead, as the worker last said

  constructor({ spawn, load, heard, abortTimeout }) {
    this.#spawn = spawn;
    this.#load = load;
    this.#heard = heard;
    this.#abortTimeout = abortTimeout;
  }

  /** Bytes of WebAssembly memory in the worker, as it last said. */
  get memoryBytes() {
    return this.#link?.ended === false ? this.#memory : 0;
  }

  get kernel() {
    return this.#kernel;
  }

  /** A worker with the model in it; an abort ends it. Gives the model's info. */
  async start(signal) {
    const began = performance.now();
    const link = (this.#link = new Link(this.#spawn, this.#heard));
    try {
      const { value: model, error, memory, kernel } = await untilAborted(link.ask({ load: this.#load }), signal);
      if (error) throw error;
      this.#loadTime = performance.now() - began;
      this.#memory = memory;
      this.#kernel = kernel;
      this.#model ??= model;
      if (!same(model, this.#model))
        throw new CoromError("INTEGRITY_MISMATCH", "the source has another model now; load it anew to use that");
      return model.info;
    } catch (error) {
      link.end(error);
      throw error;
    }
  }

  /**
   * What a call gives. When it is aborted the worker may end the piece of work in hand; a worker that takes longer than
   * the limit is ended, and with it the call.
   */
  async call(question, signal) {
    // A load that this call no longer waits for goes on for the next one.
    if (this.#link.ended) (this.#starting = this.start()).catch(() => {});
    await untilAborted(this.#starting, signal);
    signal?.throwIfAborted();
    const link = this.#link;
    let timer;
    const abort = () => {
      link.abort();
      // To wait longer than loading again would take gains nothing.
      const limit = this.#abortTimeout ?? Math.max(GRACE, this.#loadTime);
      if (limit < Infinity) timer = setTimeout(() => link.end(signal.reason), Math.min(limit, LONGEST_TIMER));
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const { value, error, memory, kernel } = await link.ask({ call: question });
      this.#memory = memory;
      this.#kernel = kernel ?? this.#kernel;
      if (error) throw memory > 0 ? error : this.#crashed(error);
      return value;
    } finally {
      signal?.removeEventListener("abort", abort);
      clearTimeout(timer);
    }
  }

  end(reason) {
    this.#link.end(reason);
  }

  /** The instance in the worker is of no further use. */
  #crashed(cause) {
    this.#link.end(cause);
    return new CoromError(cause.code, "corom crashed in its worker; the next call loads the model again", { cause });
  }
}

/** Whether a model loaded again is the one that was there: by its files' hashes, or as far as its shape tells. */
const same = (a, b) => a.content === b.content && SHAPE.every((fact) => a.info[fact] === b.info[fact]);
