// The precision and the kernels of matrix products.

/** The option `advanced` of `Corom.load`. A setting that contradicts `quality` is `INVALID_ARGUMENT`. */
export interface AdvancedOptions {
  /**
   * The one of the two WebAssembly binaries that is used.
   *
   * - `auto`: `relaxed` if the engine supports relaxed SIMD, otherwise `plain`.
   * - `plain`: the binary without relaxed SIMD. Runs in every engine with WebAssembly SIMD.
   * - `relaxed`: the binary with relaxed SIMD. `UNSUPPORTED_HOST` if the engine does not support it.
   *
   * Default: `auto`.
   */
  simd?: "auto" | "plain" | "relaxed" | null | undefined;
  /**
   * The kernels that compute products with int8 and int4 weights.
   *
   * - `auto`: in the `relaxed` binary the fastest kernels, which quantize activations to 7 bits (8 bits with 4-bit
   *   weights); in the `plain` binary the exact kernels.
   * - `exact`: kernels that return the same bits on every machine and in both binaries.
   *
   * Default: what `quality` means.
   */
  kernel?: "auto" | "exact" | null | undefined;
  /**
   * Number type of weights and activations.
   *
   * - `auto`: int8, or int4 weights if the file has them. Float weights are quantized during loading.
   * - `f32`: 32-bit floats.
   *
   * Default: what `quality` means.
   */
  precision?: "auto" | "f32" | null | undefined;
  /**
   * true: graphs that are recognized as BERT run as fused operations. false: the graph runs unchanged in tract, which
   * is at least four times slower; useful for comparison. Default: true.
   */
  fused?: boolean | null | undefined;
  /**
   * WebGPU's entry, an object like `navigator.gpu`, for `device: "webgpu"` and `"auto"`. Not in `corom/worker`. Default:
   * `navigator.gpu`; in Node the npm package `webgpu`, if it is installed beside corom.
   *
   * @example
   * import { create } from "webgpu";
   * await Corom.load("./model/", { device: "webgpu", advanced: { gpu: create([]) } });
   */
  gpu?: { requestAdapter(options?: any): Promise<unknown> } | null | undefined;
}
