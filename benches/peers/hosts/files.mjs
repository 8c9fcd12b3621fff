// Paths of all files.
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const PEERS = path.join(ROOT, "benches/peers");
export const PACKAGES = path.join(PEERS, "node_modules");
export const WORK = path.join(ROOT, "target/bench");
export const MODELS = path.join(WORK, "models");
/** The model of the search benchmark's texts: the demo's. */
export const SEARCH_MODEL = path.join(ROOT, "models/m3e-small-int8");

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
  gpuF32: `${below}/gpu/f32-plain.onnx`,
  gpuF32Attention: `${below}/gpu/f32-attention.onnx`,
  gpuF32Mha: `${below}/gpu/f32-mha.onnx`,
  gpuF16Mha: `${below}/gpu/f16-mha.onnx`,
  gpuQ8: `${below}/gpu/q8-plain.onnx`,
  gpuQ8Mha: `${below}/gpu/q8-mha.onnx`,
  gpuQ4Mha: `${below}/gpu/q4-mha.onnx`,
});

/**
 * Returns the scripts and binaries that search.mjs opens: `pkg` and `packages` are the addresses of the package and of npm's
 * packages, `raw` and `wasm` those of files that are read and not imported.
 */
export const searchParts = (pkg, { entry, worker, corom, packages, raw = packages, wasm = `${pkg}wasm/corom-search.wasm` }) => ({
  pkg,
  search: `${pkg}${entry}`,
  searchWorker: `${pkg}${worker}`,
  searchWasm: wasm,
  corom,
  orama: `${packages}@orama/orama/dist/esm/index.js`,
  minisearch: `${packages}minisearch/dist/es/index.js`,
  edgevec: `${packages}edgevec/edgevec.js`,
  edgevecWasm: `${raw}edgevec/edgevec_bg.wasm`,
  voy: `${packages}voy-search/voy_search_bg.js`,
  voyWasm: `${raw}voy-search/voy_search_bg.wasm`,
  sqlite: `${packages}sqlite-vec-wasm-demo/sqlite3.mjs`,
  pglite: `${packages}@electric-sql/pglite/dist/index.js`,
  pgvector: `${packages}@electric-sql/pglite-pgvector/dist/index.js`,
});
