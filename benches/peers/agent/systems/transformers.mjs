// transformers.js with its defaults: int8 weights on the WebAssembly back end, its own tokenizer and pooling.

export async function open(place) {
  const { env, pipeline } = await import(place.transformers);
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = place.model.hub.slice(0, place.model.hub.lastIndexOf("/hub") + 1);
  // Its default build of onnxruntime-web, served locally instead of from a CDN.
  const { wasm } = env.backends.onnx;
  const own = (url) => place.transformersWasm + url.slice(url.lastIndexOf("/") + 1);
  const build = own(wasm.wasmPaths.wasm);
  wasm.wasmPaths = { mjs: own(wasm.wasmPaths.mjs), wasm: build };
  const extractor = await pipeline("feature-extraction", "hub");
  return {
    facts: { version: env.version, onnxruntime: env.backends.onnx.versions.web, build: build.split("/").at(-1) },
    async embed(inputs) {
      const texts = inputs.map(({ text }) => text);
      const { data, dims } = await extractor(texts, { pooling: "cls" });
      return texts.map((_, row) => data.subarray(row * dims[1], (row + 1) * dims[1]));
    },
  };
}
