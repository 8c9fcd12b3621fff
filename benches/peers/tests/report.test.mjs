import assert from "node:assert/strict";
import { test } from "node:test";
import { bars } from "../bars.mjs";
import { machineLine, report } from "../report.mjs";
import { short, table } from "../table.mjs";
import { baseResult } from "./samples.mjs";

test("columns stand under each other, Chinese ones too", () => {
  const lines = table([
    ["", "a"],
    ["中文", "1"],
    ["b", "22"],
  ]).split("\n");
  assert.deepEqual(lines, ["       a", "--------", "中文   1", "b     22"]);
});

test("numbers keep about three digits", () => {
  assert.deepEqual([short(0.456), short(12.34), short(456.7), short(NaN)], ["0.46", "12.3", "457", "–"]);
});

test("the report shows every system, its ratio, and every bar once", () => {
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

test("samples that still changed are marked", () => {
  const models = { base: baseResult() };
  models.base.latency[16]["corom-plain"] = Array.from({ length: 15 }, (_, i) => 60 - i);
  const text = report({ name: "node", version: "Node 1", models, left: {}, bars: [] });
  assert.match(text, /~53\.0 \(46\.0\)/);
});

test("a busy machine is told", () => {
  const quiet = {
    cpu: "Some CPU",
    cores: 2,
    instructions: ["avx2"],
    memoryGiB: 24,
    system: "Linux",
    load: [0.1, 3, 3],
  };
  assert.equal(machineLine(quiet), "Some CPU, 2 cores, 24 GiB, Linux; avx2");
  assert.match(machineLine({ ...quiet, load: [2.5, 0, 0] }), /other work is running here \(load 2\.5\)/);
});

test("kernels stand beside what their prototypes reached", () => {
  const results = [{ name: "int8 exact", shape: "16x768x3072", unit: "GMAC/s", best: 40.1, median: 38.2 }];
  const text = report({
    name: "node",
    version: "Node 1",
    models: {},
    left: {},
    bars: [],
    kernels: { sound: ["exact"], results },
  });
  assert.match(text, /int8 exact +16x768x3072 +40\.1 +38\.2 +GMAC\/s +35/);
});
