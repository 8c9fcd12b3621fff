// A folder as `corom convert` would leave it, made from a fixture.
import { createHash } from "node:crypto";
import { MODEL_FILES, filesOf } from "./paths.mjs";

/** A fixture's files in memory with a corom.json that fits, or is changed. */
export function withManifest(folder, changes = {}) {
  const files = filesOf(folder, MODEL_FILES);
  const entry = (name) => ({
    path: name,
    size: files[name].length,
    sha256: createHash("sha256").update(files[name]).digest("hex"),
  });
  const manifest = {
    format: "corom-model",
    format_version: 1,
    created_by: "a test",
    pooling: "mean",
    normalize: false,
    max_length: 32,
    dtype: "f32",
    hidden_size: 32,
    files: ["config.json", "tokenizer.json", "model.onnx"].map(entry),
    ...changes,
  };
  return { ...files, "corom.json": new TextEncoder().encode(JSON.stringify(manifest)) };
}
