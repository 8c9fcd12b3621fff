import assert from "node:assert/strict";
import { test } from "node:test";
import { nativeBars, nativeTable } from "../native.mjs";
import { hostsWanted, modelsPrepared, optionsFrom } from "../options.mjs";

const rounds = (ms, count = 15) => Array.from({ length: count }, (_, i) => ms + (i % 3));

/** A result with numbers that are easy to check. */
const result = () => ({
  texts: 100,
  tokens: 2000,
  instructions: "avx2",
  onnxruntime: "1.0",
  cosines: { exact: 0.999, relaxed: 0.998, ort: 0.99 },
  ways: {
    "exact, 1": { name: "exact", threads: 1 },
    "relaxed, 1": { name: "relaxed", threads: 1 },
    "ort, 1, 0": { name: "ort", threads: 1, batch: 0 },
    "ort, 1, 256": { name: "ort", threads: 1, batch: 256 },
    "exact, 2": { name: "exact", threads: 2 },
    "relaxed, 2": { name: "relaxed", threads: 2 },
    "ort, 2, 256": { name: "ort", threads: 2, batch: 256 },
  },
  ms: {
    "exact, 1": rounds(1000),
    "relaxed, 1": rounds(800),
    "ort, 1, 0": rounds(950),
    "ort, 1, 256": rounds(850),
    "exact, 2": rounds(520),
    "relaxed, 2": rounds(470),
    "ort, 2, 256": rounds(450),
  },
});

test("nativeBars compares with onnxruntime's best batches, and two threads with one", () => {
  const [exact, cores, relaxed, relaxedCores] = nativeBars({ base: result() });
  assert.ok(Math.abs(exact.value - 851 / 1001) < 1e-9 && exact.met === false, JSON.stringify(exact));
  assert.match(exact.note, /to ort, 1, 256$/);
  assert.ok(Math.abs(cores.value - 1001 / 521) < 1e-9 && cores.met === true);
  assert.ok(relaxed.met === true && relaxedCores.met === false);
});

test("nativeBars judges no second core where there is none, and says when rounds are few", () => {
  const one = result();
  one.ways = Object.fromEntries(Object.entries(one.ways).filter(([, { threads }]) => threads === 1));
  one.ms = Object.fromEntries(Object.keys(one.ways).map((way) => [way, one.ms[way].slice(0, 3)]));
  const [exact, cores] = nativeBars({ base: one });
  assert.equal(cores.met, undefined);
  assert.match(exact.note, /only 3 rounds/);
});

test("nativeTable has a row per way", () => {
  const text = nativeTable("base", result());
  assert.match(text, /100 titles, 20\.0 tokens/);
  assert.match(text, /corom relaxed +embed\(texts\) +1 +125 +125 +×1\.06 +0\.99800/);
  assert.match(text, /onnxruntime int8 +one by one +1 +105 /);
});

test("native needs models but no host and no package", () => {
  const options = optionsFrom(["--only", "native"]);
  assert.deepEqual(hostsWanted(options), []);
  assert.deepEqual(modelsPrepared(options), ["base", "m3e-small"]);
  assert.deepEqual(hostsWanted(optionsFrom(["--only", "native,m3e", "--host", "node"])), ["node"]);
  assert.deepEqual(modelsPrepared(optionsFrom(["--only", "kernels"])), []);
  assert.ok(!optionsFrom(["--quick"]).parts.includes("native"));
});
