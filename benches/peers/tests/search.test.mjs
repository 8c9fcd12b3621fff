import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { p95, searchBars, searchTables } from "../search/measure.mjs";

const ends = (ms, recall) => Object.fromEntries([100, 50, 5, 1].map((end) => [end, { ms: [ms, ms, 2 * ms], recall }]));
const result = (ms, recall) => ({
  openMs: 20,
  firstMs: 2,
  memory: { wasm: 1000, heap: 0 },
  size: 10_000,
  found: ends(ms, recall),
  extra: { exact: [ms, ms], faceted: [ms + 0.5, ms + 0.5] },
});
const size = (name, mode, ms, recall) => ({
  name,
  mode,
  what: "vectors",
  items: 1000,
  built: { seconds: 1 },
  results: { corom: result(ms, recall), plain: { ...result(9, 1), size: undefined, extra: {} } },
});

describe("the search part", () => {
  test("p95 is the sample that 95 of 100 do not exceed", () => {
    assert.equal(p95(Array.from({ length: 100 }, (_, i) => 99 - i)), 95);
  });

  test("searchBars judges times, recall and the sum of load and first hit", () => {
    const measured = [size("random-10k", "vector", 0.5, 1), size("random-100k", "vector", 3, 0.98), size("random-100k", "keywords", 1)];
    const met = Object.fromEntries(searchBars({ measured }).map(({ bar, met }) => [bar, met]));
    assert.equal(met["search: 10,000 × 768 exact, top 10, ms"], true);
    assert.equal(met["search: 100,000 × 768 coded, top 10, ms"], false);
    assert.equal(met["search: 100,000 × 768 coded, recall missed"], false);
    assert.equal(met["search: filters of 1, 5 and 50 %, recall missed"], false);
    assert.equal(met["search: keywords over 100,000 titles, ms p95"], true);
    assert.equal(met["search: facets and a filter on top, ms more"], true);
    assert.ok(searchBars(undefined).every(({ met, note }) => met === undefined && note === "not measured in this run"));
  });

  test("searchTables has a line per system and the reasons of those that did not run", () => {
    const text = searchTables({ measured: [size("random-10k", "vector", 0.5, 1)], left: { voy: "it has no filters" } });
    assert.match(text, /corom\/search +1000 \+ 20\.0 +10\.0 +2\.00 +0\.50 \(1\.00\) 1\.000 exact 0\.50/);
    assert.match(text, /Float32Array loop/);
    assert.match(text, /left out: voy: it has no filters/);
  });
});
