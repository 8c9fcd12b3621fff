// URLs of the .wasm files beside this package's JavaScript. They are in a module of their own, so that a bundler
// copies the files only for entries that import this module.

// Bundlers find the files by these literal expressions, so the expressions cannot be generated in a loop.
export const binaries = {
  plain: () => new URL("../wasm/corom.wasm", import.meta.url),
  relaxed: () => new URL("../wasm/corom-relaxed.wasm", import.meta.url),
  unfused: () => new URL("../wasm/corom-unfused.wasm", import.meta.url),
  gpu: () => new URL("../wasm/corom-gpu.wasm", import.meta.url),
  // The glue code of that binary. It is a file like the binaries, so that pages without a GPU do not fetch it.
  gpuGlue: () => new URL("../wasm/corom-gpu.js", import.meta.url),
};
