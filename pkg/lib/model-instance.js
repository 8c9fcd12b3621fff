// Base of the classes of loaded models: an engine, a queue of calls, `info` and `free`. Engines compute:
// engine.js and rerank-engine.js on this thread, those of worker/ in workers.
import { throwIfAborted } from "./abort.js";
import { CoromError, invalid } from "./errors.js";
import { Queue } from "./queue.js";

/** Token that only `load` passes to the constructors, so that they are not public. */
export const loaded = Symbol("loaded");

/** Returns the class that `load` was called on: `Class`, a subclass, or `Class` if `load` is called apart from it. */
export const calledOn = (given, Class) =>
  given?.prototype === Class.prototype || given?.prototype instanceof Class ? given : Class;

export const freedError = () => new CoromError("FREED", "this instance was freed; load it again");

/** Returns the engine of an instance. */
export let engineOf;
/** Throws FREED if an instance was freed. */
export let assertNotFreed;
/** `runQueued(instance, options, task)` queues `task(signal)`. The options are those of Queue; `signal` aborts the call. */
export let runQueued;

export class ModelInstance {
  #engine;
  #queue;
  #freed = false;

  static {
    engineOf = (instance) => instance.#engine;
    assertNotFreed = (instance) => {
      if (instance.#freed) throw freedError();
    };
    runQueued = (instance, options, task) => instance.#run(options, task);
  }

  /** `name` is the name of the public class. */
  constructor(token, engine, name) {
    if (token !== loaded) throw invalid(`${name} has no public constructor; use await ${name}.load(source)`);
    this.#engine = engine;
    this.#queue = new Queue({ parallel: engine.parallel });
    Object.defineProperty(this, "info", { enumerable: true, value: Object.freeze(engine.info) });
    bindMethods(this);
  }

  free() {
    if (this.#freed) return;
    this.#freed = true;
    this.#engine.free();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  async #run({ signal, abortPrevious, isExclusive }, task) {
    throwIfAborted(signal);
    const runTask = (callSignal) => {
      assertNotFreed(this);
      return task(callSignal);
    };
    return this.#queue.run(runTask, { signal, abortPrevious, isExclusive });
  }
}

/**
 * Binds the methods to the instance, so that they also work on a Proxy of it, such as Vue's `ref` makes, which has no
 * private fields. A method is looked up when it is called, because a test may replace it in the class.
 */
function bindMethods(instance) {
  const own = Object.getPrototypeOf(instance);
  for (let proto = own; proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const key of Reflect.ownKeys(proto)) {
      if (key === "constructor" || Object.hasOwn(instance, key)) continue;
      const value = (...args) => own[key].apply(instance, args);
      Object.defineProperty(instance, key, { value, writable: true, configurable: true });
    }
  }
}
