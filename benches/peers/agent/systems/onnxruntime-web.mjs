// onnxruntime-web with the WebAssembly execution provider on one thread, or with the one of WebGPU. It gets token ids, so its
// times exclude tokenizing.

export async function open(place, { files, provider = "wasm" }) {
  const ort = await import(provider === "webgpu" ? place.onnxruntimeWebgpu : place.onnxruntime);
  ort.env.wasm.numThreads = 1;
  // It warns of each operator that runs on the processor: those of shapes always do.
  if (provider === "webgpu") ort.env.logLevel = "error";
  // Its build for WebGPU is one for pages, which fetches what is not bytes.
  const isFile = provider === "webgpu" && place.onnxruntimeWebgpu.startsWith("file:");
  const source = isFile ? await (await import("node:fs/promises")).readFile(place.model[files]) : place.model[files];
  const session = await ort.InferenceSession.create(source, {
    executionProviders: [provider],
    graphOptimizationLevel: "all",
  });
  const names = new Set(session.inputNames);

  /** Runs inputs `{ ids, types }` as one batch, right-padded to the longest. Without `types` all token types are 0. */
  async function run(inputs) {
    const length = Math.max(...inputs.map(({ ids }) => ids.length));
    const dims = [inputs.length, length];
    const rows = { input_ids: new BigInt64Array(inputs.length * length) };
    for (const name of ["attention_mask", "token_type_ids"]) rows[name] = new BigInt64Array(rows.input_ids.length);
    inputs.forEach(({ ids, types }, row) => {
      ids.forEach((id, column) => {
        const at = row * length + column;
        rows.input_ids[at] = BigInt(id);
        rows.attention_mask[at] = 1n;
        rows.token_type_ids[at] = BigInt(types?.[column] ?? 0);
      });
    });
    const given = Object.entries(rows).filter(([name]) => names.has(name));
    return session.run(Object.fromEntries(given.map(([name, data]) => [name, new ort.Tensor("int64", data, dims)])));
  }

  /** Embeds texts as one batch, and returns the first row of each. */
  async function embed(inputs) {
    const { first_rows: rows, last_hidden_state: hidden } = await run(inputs);
    if (rows) return inputs.map((_, row) => rows.data.subarray(row * rows.dims[1], (row + 1) * rows.dims[1]));
    const [, length, width] = hidden.dims;
    return inputs.map((_, row) => hidden.data.subarray(row * length * width, row * length * width + width));
  }

  /** Returns the logits of pairs, `batch` of them at a time. `onFirst` is called when `first` pairs are scored. */
  async function score({ pairs }, { batch, first, onFirst }) {
    const logits = new Float32Array(pairs.length);
    for (let at = 0; at < pairs.length; at += batch) {
      const { logits: some } = await run(pairs.slice(at, at + batch));
      logits.set(some.data, at);
      if (at < first && at + batch >= first) onFirst();
    }
    return logits;
  }
  return { facts: { version: ort.env.versions.web, provider, simd: "fixed" }, embed, score };
}
