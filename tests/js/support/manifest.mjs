// Model folders in memory, as `corom convert` writes them, made from fixtures.
import { createHash } from "node:crypto";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./paths.mjs";

/** Bytes per hash in the manifest's `pieces`. */
const PIECE = 512 << 10;

/**
 * Returns a fixture's files with a corom.json that lists them. `changes` overrides fields of the manifest, `also` names
 * further files, and `edit(files)` returns the files that the manifest is made for.
 */
export function withManifest(folder, changes = {}, also = [], edit = (files) => files) {
  const files = edit(filesOf(folder, [...MODEL_FILES, ...also]));
  const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
  const entry = (name) => {
    const bytes = files[name];
    const pieces = Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, i) =>
      sha256(bytes.subarray(i * PIECE, (i + 1) * PIECE)),
    );
    const more = pieces.length > 1 ? { pieces } : {};
    return { path: name, size: bytes.length, sha256: sha256(bytes), ...more };
  };
  const manifest = {
    format: "corom-model",
    format_version: 1,
    created_by: "a test",
    pooling: "mean",
    normalize: false,
    max_length: 32,
    dtype: "f32",
    hidden_size: 32,
    files: ["config.json", "tokenizer.json", "model.onnx", ...also].map(entry),
    ...changes,
  };
  return { ...files, "corom.json": new TextEncoder().encode(JSON.stringify(manifest)) };
}

/** Returns a model of three shards with a self-test, and its golden texts and vectors. */
export function sharded(changes = {}, edit = undefined) {
  const { texts, vectors, max_length, tolerance } = golden("external-shards");
  const self_test = { texts: texts.slice(1, 3), vectors: vectors.cls.slice(1, 3) };
  const shards = ["model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"];
  const files = withManifest(
    exportFolder("external-shards"),
    { hidden_size: vectors.cls[0].length, pooling: "cls", max_length, self_test, ...changes },
    shards,
    edit,
  );
  // No load of a folder with a manifest asks for these.
  delete files["tokenizer_config.json"];
  delete files["configuration.json"];
  return { files, texts, vectors: vectors.cls, tolerance };
}
