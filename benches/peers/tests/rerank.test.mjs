import assert from "node:assert/strict";
import { test } from "node:test";
import { pairSource } from "../agent/inputs.mjs";
import { checkLogits, rerankBars, rerankTable } from "../rerank.mjs";

const rounds = (ms, count = 15) => Array.from({ length: count }, (_, i) => ({ ms: ms + (i % 3) * 0.1, firstMs: ms / 4 }));

/** A result with numbers that are easy to check. */
const result = () => ({
  pairs: 20,
  first: 5,
  tokens: 43,
  facts: {},
  errors: { "corom-plain": 0.01, "corom-relaxed": 0.02, "ort-int8": 0.03 },
  ways: {
    "corom-plain": { name: "corom-plain" },
    "corom-relaxed": { name: "corom-relaxed" },
    "ort-int8, 1 at a time": { name: "ort-int8", batch: 1 },
    "ort-int8, 20 at a time": { name: "ort-int8", batch: 20 },
  },
  samples: {
    "corom-plain": rounds(900),
    "corom-relaxed": rounds(600),
    "ort-int8, 1 at a time": rounds(1500),
    "ort-int8, 20 at a time": rounds(2000),
  },
});

test("pairSource makes pairs of exactly the given lengths, with a new query each time", () => {
  const vocabulary = { characters: "甲乙丙丁戊己", character_ids: [11, 12, 13, 14, 15, 16], special_ids: [1, 2] };
  const fresh = pairSource(vocabulary, { query: 10, document: 30 }, 5);
  const { query, documents, pairs } = fresh(20);
  assert.deepEqual([[...query].length, documents.length, pairs.length], [10, 20, 20]);
  for (const [i, { ids, types }] of pairs.entries()) {
    assert.deepEqual([ids.length, types.length, [...documents[i]].length], [43, 43, 30]);
    assert.deepEqual([ids[0], ids[11], ids[42]], [1, 2, 2]);
    assert.deepEqual([types.indexOf(1), types.lastIndexOf(0)], [12, 11]);
  }
  assert.notEqual(fresh(20).query, query);
});

test("rerankBars compares with the peer's best batch size", () => {
  const [relaxed] = rerankBars(result());
  assert.equal(relaxed.met, true);
  assert.ok(Math.abs(relaxed.value - 0.4) < 0.001 && relaxed.note.includes("1 at a time"), JSON.stringify(relaxed));
  const slow = result();
  slow.samples["corom-relaxed"] = rounds(800, 5);
  const [line] = rerankBars(slow);
  assert.equal(line.met, false);
  assert.match(line.note, /only 5 rounds/);
  assert.equal(rerankBars(undefined)[0].met, undefined);
});

test("rerankTable has a row per way", () => {
  const text = rerankTable(result());
  assert.match(text, /corom relaxed +rerank\(query, documents\) +600 \(600\) +×0\.40 +150 +0\.0200/);
  assert.match(text, /onnxruntime-web int8 +20 at a time +2000/);
});

test("checkLogits throws for another logit and for other tokens", () => {
  const checks = [{ query: "a", document: "b", ids: [1, 2], logit: 0.5 }];
  assert.ok(Math.abs(checkLogits("corom-plain", checks, [0.55], [[1, 2]]) - 0.05) < 1e-9);
  assert.throws(() => checkLogits("corom-plain", checks, [0.7], [[1, 2]]), /does not compute the model/);
  assert.throws(() => checkLogits("corom-plain", checks, [NaN], [[1, 2]]), /does not compute the model/);
  assert.throws(() => checkLogits("corom-plain", checks, [0.5], [[1, 3]]), /have tokens 1,3/);
});
