// The systems that are measured, in the order of the tables. `module` is a file of agent/systems, `settings` are passed to
// its `open`.
//
//   option     the load option that this corom must know; otherwise the system is left out, and the report says so
//   needs      a part of the model; without the part the system is left out
//   hosts      the hosts where it runs (default: all)
//   loadsOnly  only loads and their memory are measured
//   precision  int8 systems must come close to the f32 reference, f32 systems must match it

const corom = (files, options, more) => ({ module: "corom", settings: { files, options }, precision: "int8", ...more });
const onnxruntime = (files, precision) => ({ module: "onnxruntime-web", settings: { files }, precision });

export const SYSTEMS = {
  "corom-plain": { label: "corom plain", ...corom("int8", { advanced: { simd: "plain" } }) },
  "corom-relaxed": { label: "corom relaxed", ...corom("int8", { advanced: { simd: "relaxed" } }) },
  "corom-int4": {
    label: "corom plain, int4",
    ...corom("int4", { advanced: { simd: "plain" } }, { needs: "int4", precision: "int4" }),
  },
  // Another tool's export: one float file, which is quantized while it loads.
  "corom-one-file": {
    label: "corom plain, from one f32 file",
    ...corom("oneFile", { advanced: { simd: "plain" } }, { needs: "oneFile", loadsOnly: true }),
  },
  "ort-int8": { label: "onnxruntime-web int8", ...onnxruntime("onnxInt8", "int8") },
  "ort-int8-optimised": { label: "onnxruntime-web int8, optimized", ...onnxruntime("onnxOptimized", "int8") },
  "ort-f32": { label: "onnxruntime-web f32", ...onnxruntime("onnxF32", "f32") },
  // In Node it would run onnxruntime-node, which is native code.
  transformers: {
    label: "transformers.js",
    module: "transformers",
    settings: {},
    precision: "int8",
    hosts: ["chromium"],
  },
  "tract-unfused": {
    label: "tract unfused",
    ...corom("int8", { advanced: { simd: "plain", fused: false } }, { option: "fused" }),
  },
};

const coromGpu = (files, quality, precision) => ({
  module: "corom",
  settings: { files, options: { device: "webgpu", quality } },
  precision,
  isGpu: true,
});
/** The library on the processor; 0 threads are as many as there are cores. */
const native = (threads) => ({
  settings: { files: "int8", options: { quality: "balanced" }, threads },
  precision: "int8",
  hosts: ["native"],
});
const onnxruntimeGpu = (files, precision, more) => ({
  module: "onnxruntime-web",
  settings: { files: `gpu${files}`, provider: "webgpu" },
  precision,
  hosts: ["chromium", "node"],
  isGpu: true,
  ...more,
});

/** The systems of `--gpu`, in the order of the tables. Those named corom-gpu are the package, or natively the library. */
export const GPU_SYSTEMS = {
  "corom-gpu-exact": { label: "corom gpu, int8, exact", ...coromGpu("int8", "exact", "int8") },
  "corom-gpu-balanced": { label: "corom gpu, int8, balanced", ...coromGpu("int8", "balanced", "int8") },
  "corom-gpu-float": { label: "corom gpu, f32, float", ...coromGpu("f32", "float", "f32") },
  "corom-cpu": { label: "corom wasm, int8, one thread", ...corom("int8", {}, { hosts: ["chromium", "node"] }) },
  "corom-native": { label: "corom native, int8, one thread", ...native(1) },
  "corom-native-all": { label: "corom native, int8, all cores", ...native(0) },
  "ort-gpu-f32": { label: "onnxruntime-web webgpu, f32", ...onnxruntimeGpu("F32", "f32") },
  "ort-gpu-f32-attention": { label: "onnxruntime-web webgpu, f32, Attention", ...onnxruntimeGpu("F32Attention", "f32") },
  "ort-gpu-f32-mha": { label: "onnxruntime-web webgpu, f32, MultiHeadAttention", ...onnxruntimeGpu("F32Mha", "f32") },
  "ort-gpu-f16-mha": {
    label: "onnxruntime-web webgpu, f16, MultiHeadAttention",
    ...onnxruntimeGpu("F16Mha", "f16", { needsHalfFloats: true }),
  },
  "ort-gpu-q8": { label: "onnxruntime-web webgpu, MatMulNBits 8", ...onnxruntimeGpu("Q8", "int8") },
  "ort-gpu-q8-mha": { label: "onnxruntime-web webgpu, MatMulNBits 8, MultiHeadAttention", ...onnxruntimeGpu("Q8Mha", "int8") },
  "ort-gpu-q4-mha": { label: "onnxruntime-web webgpu, MatMulNBits 4, MultiHeadAttention", ...onnxruntimeGpu("Q4Mha", "int4") },
};

/** Returns a system by its name. */
export const systemOf = (name) => SYSTEMS[name] ?? GPU_SYSTEMS[name];

/** The minimum cosine to the f32 reference. */
export const MIN_COSINE = { f32: 0.9999, f16: 0.999, int8: 0.97, int4: 0.93 };

const reranker = (simd) => ({ module: "corom-reranker", settings: { files: "int8", options: { advanced: { simd } } } });

/** The systems that rerank, by the names of SYSTEMS. All have the same int8 model. */
export const RERANKERS = {
  "corom-plain": { label: "corom plain", ...reranker("plain") },
  "corom-relaxed": { label: "corom relaxed", ...reranker("relaxed") },
  "ort-int8": { label: "onnxruntime-web int8", ...onnxruntime("onnxInt8", "int8") },
  "ort-int8-optimised": { label: "onnxruntime-web int8, optimized", ...onnxruntime("onnxOptimized", "int8") },
};
