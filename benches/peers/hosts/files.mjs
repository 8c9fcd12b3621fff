// Paths of all files.
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const PEERS = path.join(ROOT, "benches/peers");
export const PACKAGES = path.join(PEERS, "node_modules");
export const WORK = path.join(ROOT, "target/bench");
export const MODELS = path.join(WORK, "models");

/** Returns a model's parts by the names that systems.mjs uses, below a folder or an address. */
export const modelParts = (below) => ({
  int8: `${below}/corom-int8`,
  int4: `${below}/corom-int4`,
  f32: `${below}/corom-f32`,
  oneFile: `${below}/one-file`,
  onnxInt8: `${below}/int8.onnx`,
  onnxOptimized: `${below}/int8-optimised.onnx`,
  onnxF32: `${below}/f32.onnx`,
  hub: `${below}/hub`,
});
