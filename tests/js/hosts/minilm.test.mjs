// A converted real model in int8, all-MiniLM-L6-v2: it loads with both binaries and all kernels, and its vectors are
// near those of f32. Its short texts of punctuation have a few large hidden states, which 8 bits lost before.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Corom, cosine } from "../support/corom.mjs";
import { FIXTURES, minilmFolder } from "../support/paths.mjs";

const { odd, titles } = JSON.parse(readFileSync(path.join(FIXTURES, "english.json"), "utf8"));
const TEXTS = [...odd, ...titles.slice(0, 25)];

test("all-MiniLM-L6-v2 loads with every kernel of the binary and stays near f32", async () => {
  const load = (options) => Corom.load(minilmFolder(), options);
  const float = await load({ quality: "float" });
  const expected = await float.embed(TEXTS);
  float.free();
  for (const quality of ["exact", "balanced"]) {
    const model = await load({ quality });
    const isRelaxed = model.info.kernel.startsWith("relaxed");
    assert.deepEqual([model.info.fused, model.info.precision, model.info.dtype], [true, "int8", "int8"]);
    const [minMean, minWorst] = isRelaxed ? [0.9988, 0.996] : [0.9995, 0.9985];
    const vectors = await model.embed(TEXTS);
    const cosines = TEXTS.map((_, i) => cosine(vectors.row(i), expected.row(i)));
    const mean = cosines.reduce((sum, c) => sum + c, 0) / cosines.length;
    const worst = Math.min(...cosines);
    assert.ok(mean >= minMean && worst >= minWorst, `${model.info.kernel}: mean ${mean}, worst ${worst}`);
    model.free();
  }
});
