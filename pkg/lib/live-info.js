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
  // The kernel can change while the first texts are read, because two relaxed kernels are timed.
  let { kernel } = info;
  const currentKernel = () => (runtime.memoryBytes > 0 ? runtime.call(() => model().kernel()) : kernel);
  Object.defineProperties(info, {
    wasmMemory: { enumerable: true, get: () => runtime.memoryBytes },
    kernel: { enumerable: true, get: () => (kernel = currentKernel()) },
  });
  return printGetters(info);
}
