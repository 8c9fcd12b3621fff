// One WebAssembly instance, whatever binary it is of: calls into it, and what a crash means.
import { untilAborted } from "./abort.js";
import { CODES, CoromError, messageOf } from "./errors.js";

/** 512 MiB in WebAssembly pages: the largest allocation that one weight of a large model needs. */
const MEMORY_PROBE_PAGES = 8192;
/** A memory larger than this is nearly full; 32-bit WebAssembly can address 4 GiB. */
const NEARLY_FULL_BYTES = 3 * 2 ** 30;

const isRangeError = (error) => error?.name === "RangeError"; // of any realm

export class Instance {
  #bindings;
  #memory;
  #crash;
  #what;

  /** `what` was loaded, for messages: "the model". See `instantiate`. */
  constructor(bindings, memory, what) {
    this.#bindings = bindings;
    this.#memory = memory;
    this.#what = what;
  }

  /** Calls `work` with the bindings of the instance. An error that it throws is converted to a CoromError. */
  call(work) {
    if (this.#crash) {
      const message = `this instance has crashed; load ${this.#what} again`;
      throw new CoromError(this.#crash.code, message, { cause: this.#crash });
    }
    try {
      return work(this.#bindings);
    } catch (thrown) {
      throw this.#toCoromError(thrown);
    }
  }

  /** Returns the instance's memory in bytes, 0 after `drop`. Memory never shrinks, so this is also the peak. */
  get memoryBytes() {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** Releases the instance, so that the engine can free its memory. */
  drop() {
    this.#bindings = undefined;
    this.#memory = undefined;
  }

  #toCoromError(thrown) {
    if (thrown instanceof CoromError) return thrown;
    if (CODES.includes(thrown?.code)) {
      const { code, message, cause } = thrown;
      return new CoromError(code, String(message), cause === undefined ? undefined : { cause });
    }
    // Any other error (a trap, a stack overflow, a failed allocation) leaves the instance in an unknown state.
    const isFull = isRangeError(thrown) ? /memory|alloc|length/i.test(thrown.message) : this.#isMemoryFull();
    const [code, message] = isFull
      ? ["OUT_OF_MEMORY", `WebAssembly ran out of memory; load ${this.#what} again`]
      : ["INTERNAL", `corom crashed (${messageOf(thrown)}); load ${this.#what} again, and please report this bug`];
    this.#crash = new CoromError(code, message, { cause: thrown });
    this.drop();
    return this.#crash;
  }

  /** Returns whether the memory cannot grow. Rust reports a failed allocation only as an "unreachable" trap. */
  #isMemoryFull() {
    if (this.memoryBytes > NEARLY_FULL_BYTES) return true;
    try {
      this.#memory.grow(MEMORY_PROBE_PAGES); // the memory is released right afterwards
      return false;
    } catch {
      return true;
    }
  }
}

/**
 * Instantiates `{ module, isPrecompiled }` (see module.js) with the glue that `bindings` has. Returns
 * `{ bindings, memory }`.
 */
export async function instantiate(bindings, { module, isPrecompiled }, signal) {
  try {
    // Synchronous only if the host has compiled the module. Pages reject synchronous instantiation of large modules,
    // and development servers pass a module of another realm, which the glue would read as bytes.
    const { memory } = isPrecompiled && module instanceof WebAssembly.Module
      ? bindings.initSync({ module })
      : await untilAborted(bindings.init({ module_or_path: module }), signal);
    return { bindings, memory };
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const code = isRangeError(cause) ? "OUT_OF_MEMORY" : "INTERNAL";
    throw new CoromError(code, `the WebAssembly module cannot be instantiated: ${messageOf(cause)}`, { cause });
  }
}
