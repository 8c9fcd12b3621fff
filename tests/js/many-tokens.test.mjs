// A BERT of multilingual-e5-small's shape, with the tokenizer of XLM-RoBERTa: the memory that a large vocabulary takes.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Corom } from "./support/corom.mjs";
import { E5_SMALL, madeUpConfig, madeUpOnnx } from "./support/made-up-onnx.mjs";
import { madeUpUnigram } from "./support/made-up-tokenizer.mjs";

const MIB = 2 ** 20;

describe("Corom.load of a model with 250,002 tokens", () => {
  const LIMIT = 165;
  test(`needs at most ${LIMIT} MiB for multilingual-e5-small's shape as an int8 file of 119 MB`, async (t) => {
    const model = madeUpOnnx(E5_SMALL);
    const files = { "config.json": madeUpConfig(E5_SMALL), ...madeUpUnigram(250_002), "model.onnx": model };
    const start = performance.now();
    const corom = await Corom.load(files, { pooling: "mean" });
    const { wasmMemory, weightBytes, fused } = corom.info;
    const figures = [wasmMemory, weightBytes, model.size, files["tokenizer.json"].length].map((x) => (x / MIB).toFixed(1));
    t.diagnostic(`memory, weights, file, tokenizer.json: ${figures.join(", ")} MiB; ${(performance.now() - start).toFixed(0)} ms`);
    assert.ok(fused);
    assert.ok(wasmMemory <= LIMIT * MIB, `${figures[0]} MiB`);
    const { ids, tokens } = await corom.tokenize("the quick 阔腿裤女");
    assert.deepEqual(tokens, ["<s>", "▁the", "▁quick", "▁", "阔腿裤", "女", "</s>"]);
    assert.deepEqual([ids[0], ids.at(-1)], [0, 2]);
    const vector = await corom.embed("the quick 阔腿裤女");
    assert.ok(vector.every(Number.isFinite) && vector.some((x) => x !== 0));
    corom.free();
  });
});
