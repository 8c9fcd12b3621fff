import assert from "node:assert/strict";
import { test } from "node:test";
import { NOT_RUN, bars, best, bestWay, textsPerSecond } from "../bars.mjs";
import { baseResult } from "./samples.mjs";

const line = (lines, part) => {
  const found = lines.filter(({ bar }) => bar.includes(part));
  assert.equal(found.length, 1, `${part}: ${found.map(({ bar }) => bar)}`);
  return found[0];
};

test("best returns the measured system with the smallest median", () => {
  const { name } = best({ a: [3, 3, 3], b: [1, 9, 9], c: [2, 2, 20] }, ["a", "b", "c", "none"]);
  assert.equal(name, "c");
  assert.equal(best({}, ["a"]), undefined);
  assert.equal(best(undefined, ["a"]), undefined);
});

test("bars compares latency with the faster of onnxruntime-web's files, by medians", () => {
  const lines = bars({ base: baseResult() });
  const plain = line(lines, "base int8, 16 tokens, plain");
  assert.equal(plain.met, true);
  assert.ok(Math.abs(plain.value - 0.5) < 0.01 && plain.note.includes("ort-int8-optimised"));
  assert.equal(line(lines, "base int8, 128 tokens, plain").met, false);
  assert.equal(line(lines, "base int8, 128 tokens, relaxed").met, false);
});

test("bars notes the ratio in pairs, which a machine that slows down half way does not change", () => {
  const base = baseResult();
  const samples = base.latency[16];
  for (const name of Object.keys(samples)) samples[name] = samples[name].map((ms, i) => (i < 7 ? ms : ms * 3));
  samples["corom-plain"][7] *= 9;
  assert.match(line(bars({ base }), "base int8, 16 tokens, plain").note, /in pairs 0\.50/);
});

test("bars notes too few rounds", () => {
  const base = baseResult();
  base.latency[16]["corom-plain"].length = 5;
  assert.match(line(bars({ base }), "base int8, 16 tokens, plain").note, /only 5 rounds/);
});

test("bars compares the catalog with padded batches, and notes the ratio to single texts", () => {
  const base = baseResult();
  assert.equal(textsPerSecond(base.catalog)["corom-plain"], 100);
  assert.equal(bestWay(base.catalog, ["ort-int8"]).way, "ort-int8, one by one");
  const lines = bars({ base });
  const ort = line(lines, "base, catalog, plain, texts a second × onnxruntime-web");
  assert.deepEqual([ort.value, ort.met], [2.5, true]);
  assert.match(ort.note, /1\.50 to one by one/);
  assert.equal(line(lines, "base, catalog, plain, texts a second × transformers.js").met, false);
});

test("bars compares memory, load and binary with their limits", () => {
  const lines = bars({ base: baseResult() });
  assert.equal(line(lines, "base int8, plain, wasm memory").met, true);
  assert.equal(line(lines, "base int8, relaxed, wasm memory").met, false);
  assert.equal(line(lines, "load to first vector, plain").met, true);
  assert.equal(line(lines, "load to first vector, relaxed").met, false);
  assert.equal(line(lines, "binary, plain").met, true);
});

test("bars compares accuracy and endurance with their limits", () => {
  const accuracy = {
    "corom-plain": { texts: 300, mean: 0.9998, worst: 0.9992 },
    "corom-int4": { texts: 60, mean: 0.9, worst: 0.8 },
  };
  const lines = bars({ "m3e-small": { accuracy } }, { endurance: { count: 20_000, early: 9e6, late: 9e6 } });
  assert.equal(line(lines, "int8 to f32, cosine mean").met, true);
  assert.equal(line(lines, "int8 to f32, cosine worst").met, false);
  const int4 = line(lines, "int4 to f32, cosine mean");
  assert.ok(int4.met === false && int4.note.includes("fewer than 200"));
  assert.equal(line(lines, "texts in one instance").met, true);
  const grown = bars({}, { endurance: { count: 20_000, early: 9e6, late: 20e6 } });
  assert.equal(line(grown, "texts in one instance").met, false);
});

test("bars compares two workers with one", () => {
  const workers = { texts: 1000, ms: { 1: [6000, 6100, 9000], 2: [3300, 3000, 3100] } };
  const two = line(bars({}, { workers }), "2 workers");
  assert.equal(two.met, true);
  assert.ok(Math.abs(two.value - 6100 / 3100) < 1e-9);
  assert.match(two.note, /minima 2\.00, in pairs 2\.03; 1000 titles, 3 rounds/);
  workers.ms[2] = [3500, 3500, 3500];
  assert.equal(line(bars({}, { workers }), "2 workers").met, false);
});

test("bars leaves what was not measured neither met nor missed", () => {
  for (const { bar, met, note } of bars({})) {
    assert.equal(met, undefined, bar);
    assert.ok(note, bar);
  }
  assert.equal(line(bars({}), "base int8, 16 tokens, plain").note, NOT_RUN);
});
