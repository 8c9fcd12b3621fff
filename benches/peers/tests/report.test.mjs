import assert from "node:assert/strict";
import { test } from "node:test";
import { bars } from "../bars.mjs";
import { report } from "../report.mjs";
import { short, table } from "../table.mjs";
import { baseResult } from "./samples.mjs";

test("columns stand under each other, Chinese ones too", () => {
  const lines = table([["", "a"], ["中文", "1"], ["b", "22"]]).split("\n");
  assert.deepEqual(lines, ["       a", "--------", "中文   1", "b     22"]);
});

test("numbers keep about three digits", () => {
  assert.deepEqual([short(0.456), short(12.34), short(456.7), short(NaN)], ["0.46", "12.3", "457", "–"]);
});

test("the report shows every system, its ratio, and every bar once", () => {
  const models = { base: baseResult() };
  const host = { name: "chromium", version: "Chromium 1", models, left: { "tract-unfused": "unknown" }, bars: bars(models) };
  const text = report(host);
  assert.match(text, /corom plain +20\.1 \(20\.0\) ×0\.50/);
  assert.match(text, /left out: tract unfused: unknown/);
  assert.match(text, /corom plain: simd plain, backend cpu\n/);
  assert.match(text, /MISSED +base int8, 128 tokens, plain/);
  assert.equal(text.split("\n").filter((line) => line.startsWith("met ") || line.startsWith("MISSED")).length, host.bars.filter(({ met }) => met !== undefined).length);
  assert.ok(!/undefined|NaN/.test(text), text);
});

test("samples that still changed are marked", () => {
  const models = { base: baseResult() };
  models.base.latency[16]["corom-plain"] = Array.from({ length: 15 }, (_, i) => 60 - i);
  const text = report({ name: "node", version: "Node 1", models, left: {}, bars: [] });
  assert.match(text, /~53\.0 \(46\.0\)/);
});
