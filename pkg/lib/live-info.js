// `info` of an instance whose model is on this thread.
import { printGetters } from "./print-getters.js";

/** Properties of `info` that another device or back end may have otherwise. */
export const DEVICE_INFO = ["device", "backend", "fused", "precision", "kernel", "weightBytes", "simd"];
/** Properties of `info` that a worker reports with each answer. */
export const LIVE_INFO = [...DEVICE_INFO, "gpu", "fallback"];

/**
 * Returns the properties of a model, with getters for those that change. `model()` returns the model, and undefined
 * after `free`: the result must not keep the memory of a freed instance.
 */
export function liveInfo(runtime, model, onnxFile) {
  const info = runtime.call((bindings) => ({
    ...model().info(),
    simd: runtime.simd,
    device: runtime.device,
    version: bindings.version(),
    model: onnxFile,
  }));
  // Both can change while the first texts are read: two relaxed kernels are timed, and a GPU chooses its kernel, and with it
  // the precision, in its checks.
  let { kernel, precision } = info;
  const current = (read, last) => (runtime.memoryBytes > 0 ? runtime.call(() => read(model())) : last);
  Object.defineProperties(info, {
    wasmMemory: { enumerable: true, get: () => runtime.memoryBytes },
    kernel: { enumerable: true, get: () => (kernel = current((model) => model.kernel(), kernel)) },
    precision: { enumerable: true, get: () => (precision = current((model) => model.info().precision, precision)) },
  });
  return printGetters(info);
}
