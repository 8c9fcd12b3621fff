// One WebAssembly instance. Every model has an instance of its own, so that freeing the model frees all its memory, and
// a crash affects only that model.
import { untilAborted } from "./abort.js";
import { CODES, CoromError, messageOf } from "./errors.js";
import { wasmModule } from "./module.js";
import { textClasses } from "./text.js";
import { createBindings } from "../wasm/corom.js";

/** 512 MiB in WebAssembly pages: the largest allocation that one weight of a large model needs. */
const MEMORY_PROBE_PAGES = 8192;
/** A memory larger than this is nearly full; 32-bit WebAssembly can address 4 GiB. */
const NEARLY_FULL_BYTES = 3 * 2 ** 30;

const isRangeError = (error) => error?.name === "RangeError"; // of any realm

export class Runtime {
  #bindings;
  #memory;
  #crash;

  constructor(bindings, memory, { module, simd }) {
    this.#bindings = bindings;
    this.#memory = memory;
    this.module = module;
    this.simd = simd;
  }

  static async start(host, options) {
    const { module, simd, isPrecompiled } = await wasmModule(host, options);
    try {
      const bindings = createBindings(textClasses());
      // Synchronous only if the host has compiled the module. Pages reject synchronous instantiation of large modules,
      // and development servers pass a module of another realm, which the glue would read as bytes.
      const { memory } = isPrecompiled && module instanceof WebAssembly.Module
        ? bindings.initSync({ module })
        : await untilAborted(bindings.init({ module_or_path: module }), options.signal);
      return new Runtime(bindings, memory, { module, simd });
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      const code = isRangeError(cause) ? "OUT_OF_MEMORY" : "INTERNAL";
      throw new CoromError(code, `the WebAssembly module cannot be instantiated: ${messageOf(cause)}`, { cause });
    }
  }

  /** Calls `work` with the bindings of the instance. An error that it throws is converted to a CoromError. */
  call(work) {
    if (this.#crash) {
      throw new CoromError(this.#crash.code, "this instance has crashed; load the model again", {
        cause: this.#crash,
      });
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
    this.module = undefined;
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
      ? ["OUT_OF_MEMORY", "WebAssembly ran out of memory; load the model again"]
      : ["INTERNAL", `corom crashed (${messageOf(thrown)}); load the model again, and please report this bug`];
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
