// One WebAssembly instance: every model gets its own, so that freeing it gives its memory back
// and a crash takes nothing else with it.
import { untilAborted } from "./abort.js";
import { CODES, CoromError, messageOf } from "./errors.js";
import { wasmModule } from "./module.js";
import { createBindings } from "../wasm/corom.js";

/** 512 MiB: what one weight of a large model may ask for at once. */
const MEMORY_PROBE_PAGES = 8192;
/** Of the 4 GiB that 32-bit WebAssembly can address. */
const NEARLY_FULL_BYTES = 3 * 2 ** 30;

export class Runtime {
  #bindings;
  #memory;
  #crash;

  constructor(bindings, memory, simd) {
    this.#bindings = bindings;
    this.#memory = memory;
    this.simd = simd;
  }

  static async start(host, options) {
    const { module, simd, isPrecompiled } = await wasmModule(host, options);
    const bindings = createBindings();
    try {
      // At once where the host has compiled already. Elsewhere it may not be: pages refuse that for large modules, and
      // development servers hand in a module of another realm, which the glue would take for bytes.
      const { memory } = isPrecompiled && module instanceof WebAssembly.Module
        ? bindings.initSync({ module })
        : await untilAborted(bindings.init({ module_or_path: module }), options.signal);
      return new Runtime(bindings, memory, simd);
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      const code = cause instanceof RangeError ? "OUT_OF_MEMORY" : "INTERNAL";
      throw new CoromError(code, `the WebAssembly module could not be started: ${messageOf(cause)}`, { cause });
    }
  }

  /** Calls into the instance: `work` gets the bindings, and what it throws becomes a CoromError. */
  call(work) {
    if (this.#crash) {
      throw new CoromError(this.#crash.code, "this instance crashed before; load the model again", {
        cause: this.#crash,
      });
    }
    try {
      return work(this.#bindings);
    } catch (thrown) {
      throw this.#toCoromError(thrown);
    }
  }

  /** Bytes of the instance's memory. It never shrinks, so this is also its peak; 0 once dropped. */
  get memoryBytes() {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** Lets go of the instance. */
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
    // Anything else left the instance in an unknown state: a trap, an overflown stack, no memory.
    const full = thrown instanceof RangeError ? /memory|alloc|length/i.test(thrown.message) : this.#isMemoryFull();
    this.#crash = full
      ? new CoromError("OUT_OF_MEMORY", "WebAssembly ran out of memory; load the model again", { cause: thrown })
      : new CoromError("INTERNAL", `corom crashed (${messageOf(thrown)}); please report it. Load the model again`, {
          cause: thrown,
        });
    this.drop();
    return this.#crash;
  }

  /** Whether the memory cannot grow: Rust reports a failed allocation as a mere "unreachable". */
  #isMemoryFull() {
    if (this.memoryBytes > NEARLY_FULL_BYTES) return true;
    try {
      this.#memory.grow(MEMORY_PROBE_PAGES); // of a memory that is dropped in a moment
      return false;
    } catch {
      return true;
    }
  }
}
