// onnxruntime-web with the WebAssembly execution provider on one thread. It gets token ids, so its times exclude tokenizing.

export async function open(place, { files }) {
  const ort = await import(place.onnxruntime);
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(place.model[files], {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const names = new Set(session.inputNames);

  /** Embeds texts as one batch, right-padded to the longest, and returns the first row of each. */
  async function embed(inputs) {
    const length = Math.max(...inputs.map(({ ids }) => ids.length));
    const dims = [inputs.length, length];
    const ids = new BigInt64Array(inputs.length * length);
    const mask = new BigInt64Array(ids.length);
    inputs.forEach((input, row) => {
      input.ids.forEach((id, column) => {
        ids[row * length + column] = BigInt(id);
        mask[row * length + column] = 1n;
      });
    });
    const feeds = {
      input_ids: new ort.Tensor("int64", ids, dims),
      attention_mask: new ort.Tensor("int64", mask, dims),
    };
    if (names.has("token_type_ids")) {
      feeds.token_type_ids = new ort.Tensor("int64", new BigInt64Array(ids.length), dims);
    }
    const { last_hidden_state: hidden } = await session.run(feeds);
    const width = hidden.dims[2];
    return inputs.map((_, row) => hidden.data.subarray(row * length * width, row * length * width + width));
  }
  return { facts: { version: ort.env.versions.web, simd: "fixed" }, embed };
}
