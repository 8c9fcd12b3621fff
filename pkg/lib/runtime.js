// The WebAssembly instance of a model. Every model has an instance of its own, so that freeing the model frees all its
// memory, and a crash affects only that model.
import { Instance, instantiate } from "./instance.js";
import { wasmModule } from "./module.js";
import { textClasses } from "./text.js";
import { createBindings } from "../wasm/corom.js";

export class Runtime extends Instance {
  device = "wasm";

  constructor(bindings, memory, { module, simd }) {
    super(bindings, memory, "the model");
    this.module = module;
    this.simd = simd;
  }

  static async start(host, options) {
    const compiled = await wasmModule(host, options);
    const { bindings, memory } = await instantiate(createBindings(textClasses()), compiled, options.signal);
    return new Runtime(bindings, memory, compiled);
  }

  /** Returns a `ModelLoader` of the instance. */
  createLoader(settings) {
    return this.call(({ ModelLoader }) => new ModelLoader(settings));
  }

  /** Throws if the model must run elsewhere. */
  checkModel() {}

  drop() {
    super.drop();
    this.module = undefined;
  }
}
