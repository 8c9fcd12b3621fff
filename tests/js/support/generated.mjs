// The exports in tests/fixtures/generated and tests/fixtures/rerankers, whose weights come from a formula. tests/fixtures/make/generated.py describes
// the formula and weights.json.
import { createHash } from "node:crypto";
import path from "node:path";
import { FIXTURES, filesOf, readJson } from "./paths.mjs";

/** Returns the files of an export in memory, by path, with its generated external data. */
export function generatedFiles(name, kind = "generated") {
  const folder = path.join(FIXTURES, kind, name);
  const weights = readJson(path.join(folder, "weights.json"));
  return { ...filesOf(folder, ["config.json", "tokenizer.json", "model.onnx"]), [weights.file]: externalData(weights) };
}

function externalData({ bytes, sha256, blocks }) {
  const values = new Float32Array(bytes / 4);
  for (const block of blocks) {
    const [rows, columns] = block.shape;
    const [down, along] = block.steps;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        values[block.offset / 4 + row * block.stride + column] = element(block, row * down + column * along);
      }
    }
  }
  const data = new Uint8Array(values.buffer);
  const hash = createHash("sha256").update(data).digest("hex");
  if (hash !== sha256) throw new Error(`the generated weights have the SHA-256 ${hash}; weights.json says ${sha256}`);
  return data;
}

/** Computes an element of a parameter. Math.fround rounds the product and the sum to f32, once each. */
function element({ seed, scale, center }, index) {
  let h = (seed + Math.imul(index, 0x9e3779b9)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  h = (h ^ (h >>> 16)) >>> 0;
  const k = (h >>> 8) - 2 ** 23;
  return Math.fround(Math.fround(k * 2 ** -23 * scale) + center);
}
