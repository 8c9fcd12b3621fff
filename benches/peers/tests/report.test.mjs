import assert from "node:assert/strict";
import { test } from "node:test";
import { bars } from "../bars.mjs";
import { machineLine, report } from "../report.mjs";
import { short, table } from "../table.mjs";
import { baseResult } from "./samples.mjs";

test("table aligns columns, with Chinese characters too", () => {
  const lines = table([
    ["", "a"],
    ["中文", "1"],
    ["b", "22"],
  ]).split("\n");
  assert.deepEqual(lines, ["       a", "--------", "中文   1", "b     22"]);
});

test("short keeps about three digits", () => {
  assert.deepEqual([short(0.456), short(12.34), short(456.7), short(NaN)], ["0.46", "12.3", "457", "–"]);
});

test("report shows every system with its ratio, and every bar once", () => {
  const models = { base: baseResult() };
  const host = {
    name: "chromium",
    version: "Chromium 1",
    models,
    left: { "tract-unfused": "unknown" },
    bars: bars(models),
  };
  const text = report(host);
  assert.match(text, /corom plain +20\.1 \(20\.0\) ×0\.50/);
  assert.match(text, /left out: tract unfused: unknown/);
  assert.match(text, /corom plain: simd plain, backend cpu\n/);
  assert.match(text, /MISSED +base int8, 128 tokens, plain/);
  assert.equal(
    text.split("\n").filter((line) => line.startsWith("met ") || line.startsWith("MISSED")).length,
    host.bars.filter(({ met }) => met !== undefined).length,
  );
  assert.ok(!/undefined|NaN/.test(text), text);
});

test("report marks samples that still changed", () => {
  const models = { base: baseResult() };
  models.base.latency[16]["corom-plain"] = Array.from({ length: 15 }, (_, i) => 60 - i);
  const text = report({ name: "node", version: "Node 1", models, left: {}, bars: [] });
  assert.match(text, /~53\.0 \(46\.0\)/);
});

test("machineLine warns of a busy machine", () => {
  const quiet = {
    cpu: "Some CPU",
    cores: 2,
    instructions: ["avx2"],
    memoryGiB: 24,
    system: "Linux",
    load: [0.1, 3, 3],
  };
  assert.equal(machineLine(quiet), "Some CPU, 2 cores, 24 GiB, Linux; avx2");
  assert.match(machineLine({ ...quiet, load: [2.5, 0, 0] }), /other work is running on this machine \(load 2\.5\)/);
});

test("report shows kernels beside their prototypes", () => {
  const results = [{ name: "int8 exact", shape: "16x768x3072", unit: "GMAC/s", best: 40.1, median: 38.2 }];
  const text = report({
    name: "node",
    version: "Node 1",
    models: {},
    left: {},
    bars: [],
    kernels: { passing: ["exact"], results },
  });
  assert.match(text, /int8 exact +16x768x3072 +40\.1 +38\.2 +GMAC\/s +35/);
});

test("report shows a catalog with one and two workers", () => {
  const facts = { kernel: "exact", wasmMemory: 40 * 2 ** 20 };
  const workers = { texts: 1000, facts: { 1: facts, 2: facts }, ms: { 1: [10_000, 12_000, 11_000], 2: [5_500, 6_000, 5_000] } };
  const text = report({ name: "node", version: "Node 1", models: {}, left: {}, bars: [], workers });
  assert.match(text, /1 worker +90\.9 +100 +40\.0 +×1\.00\n2 workers +182 +200 +40\.0 +×2\.00/);
});
