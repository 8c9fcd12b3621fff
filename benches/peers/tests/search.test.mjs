import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { nearest, products, recallOf } from "../agent/search/best.mjs";
import { int8Scores } from "../agent/search/int8.mjs";
import { reader } from "../agent/search/one-read.mjs";
import { ALL, SHARES, isKept } from "../agent/search/shares.mjs";
import { rangeOf } from "../hosts/site.mjs";
import { optionsFrom } from "../options.mjs";
import { vectorsOf } from "../search/numpy.mjs";
import { p95, searchBars, searchTables } from "../search/report.mjs";

const found = (ms, recall) => Object.fromEntries(SHARES.map((end) => [end, { ms: [ms, ms, 2 * ms], recall }]));
const result = (ms, recall) => ({
  openMs: 20,
  firstMs: 2,
  memory: { wasm: 1000, heap: 0 },
  size: 10_000,
  found: found(ms, recall),
  extra: { exact: [ms, ms], read: [2, 2], faceted: [ms + 0.5, ms + 0.5], int8: { 500: 1, 1: recall } },
});
const size = (name, mode, ms, recall, items = 1000) => ({
  name,
  mode,
  what: "vectors",
  items,
  built: { seconds: 1 },
  results: { corom: result(ms, recall), plain: { ...result(9, 1), size: undefined, extra: {} } },
});
const MIB = 2 ** 20;
const large = (ms, recall, mib) => ({
  items: 1_000_000,
  oversampling: 160,
  bytes: 9e8,
  openMs: 900,
  loaded: { wasm: mib * MIB, heap: 0 },
  searched: { wasm: mib * MIB, heap: MIB },
  found: { codes: { ms: [20], recall: 0.5, estimated: 30 }, rows: { ms: [ms], recall, estimated: 0 } },
});
const sent = (catalog) => ({ scriptGzip: 1e5, wasmGzip: 1e6, catalog, model: 2e7 });
const judged = (search) => Object.fromEntries(searchBars(search).map((line) => [line.bar.replace(/^search: /, ""), line]));
const metOf = (search) => Object.fromEntries(Object.entries(judged(search)).map(([bar, { met }]) => [bar, met]));

describe("the search part", () => {
  test("p95 is the sample that 95 of 100 do not exceed", () => {
    assert.equal(p95(Array.from({ length: 100 }, (_, i) => 99 - i)), 95);
  });

  test("searchBars has a verdict per bar, on both sides of each limit", () => {
    const measured = (ms, recall) => [
      size("random-10k", "vector", ms, recall),
      size("random-100k", "vector", ms, recall),
      size("random-100k", "keywords", ms),
      size("real-100k", "vector", ms, recall, 100_000),
    ];
    const first = (ms) => ({ openMs: [ms / 2], ms: [ms] });
    const good = { measured: measured(0.5, 1), first: first(40), hybrid: { ms: 5, sent: sent(1.3e6) }, large: large(24, 0.99, 120) };
    const bad = { measured: measured(40, 0.98), first: first(60), hybrid: { ms: 5, sent: sent(1.5e6) }, large: large(26, 0.97, 130) };
    const slow = bad.measured[2].results.corom;
    [slow.openMs, slow.extra.faceted] = [299, [42, 42]];
    const bars = Object.keys(judged(good)).filter((bar) => bar !== "probes");
    assert.equal(bars.length, 15);
    for (const bar of bars) assert.deepEqual([metOf(good)[bar], metOf(bad)[bar]], [true, false], bar);
    const none = searchBars(undefined);
    assert.ok(none.every(({ met, note }) => met === undefined && /not measured in this run|build.sh test/.test(note)));
    assert.equal(none.length, 16);
  });

  test("a filter that loses one hit of one query is no filter without loss, and the note says where", () => {
    const search = { measured: [size("random-10k", "vector", 0.5, 0.9999)] };
    const line = judged(search)["filters of 0.1 to 50 % against exact int8, recall missed"];
    assert.deepEqual([line.met, line.note], [false, "2 cases; at most in random-10k, 0.1 %"]);
  });

  test("fewer real vectors than the bar wants are named", () => {
    const search = { measured: [size("real-100k", "vector", 0.5, 1, 20_000)] };
    assert.match(judged(search)["100,000 × 512 real, coded, recall missed"].note, /only 20000 items/);
  });

  test("searchTables has a line per system, the reasons of those that did not run, and corom's own parts", () => {
    const measured = [size("random-10k", "vector", 0.5, 1)];
    const parts = { first: { openMs: [3], ms: [4] }, hybrid: { ms: 900, sent: sent(1.3e6) }, large: large(24, 0.99, 120) };
    const text = searchTables({ measured, left: { voy: "it has no filters" }, ...parts });
    assert.match(text, /corom\/search +1000 \+ 20\.0 +10\.0 +2\.00 +0\.50 \(1\.00\) 1\.000 exact 0\.50/);
    assert.match(text, /0\.1 %/);
    assert.match(text, /Float32Array loop/);
    assert.match(text, /left out: voy: it has no filters/);
    assert.match(text, /first keyword hit after 4\.00 ms/);
    assert.match(text, /catalog 1\.30 MB, model 20\.00 MB/);
    assert.match(text, /codes, and 160 rows per hit +24\.0 \(24\.0\) +0\.990 +0/);
  });

  test("--real takes tens of thousands", () => {
    assert.equal(optionsFrom(["--own", "--real", "20000"]).own, true);
    for (const wrong of ["0", "5000", "110000", "x"]) assert.throws(() => optionsFrom(["--real", wrong]), /--real/);
  });
});

describe("what searches are compared with", () => {
  test("every share keeps its part of the items", () => {
    for (const end of SHARES) {
      assert.equal(Array.from({ length: 10_000 }, (_, item) => item).filter((item) => isKept(item, end)).length, 10 * end);
    }
  });

  test("recallOf counts the best scores that were found, ties, and no item twice", () => {
    const vectors = Float32Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? i / 2 : 0));
    const score = products(vectors, Float32Array.of(1, 0));
    const how = { items: 1000, end: ALL, count: 3, tie: 0 };
    assert.deepEqual(nearest(score, how).map(({ item }) => item), [999, 998, 997]);
    assert.equal(recallOf(score, [999, 998, 997], how), 1);
    assert.equal(recallOf(score, [999, 998, 3], how).toFixed(2), "0.67");
    assert.equal(recallOf(score, [999, 998, 996], how).toFixed(2), "0.67");
    assert.equal(recallOf(score, [999, 998, 996], { ...how, tie: 1 }), 1);
    assert.equal(recallOf(score, [999, 999, 999], how), 0);
    const kept = nearest(score, { ...how, end: 1 });
    assert.deepEqual(kept.map(({ item }) => item), [0], "one bucket of a thousand");
    assert.equal(recallOf(score, [999], { ...how, end: 1 }), 0);
  });

  test("int8Scores reads the rows and the mean of a file as docs/catalog-format.md says", () => {
    const [mean, vector, query] = [[0.5, 0.25], [1.5, -0.75], [0.6, 0.8]];
    const scale = 1 / 127;
    const rest = vector.map((x, i) => x - mean[i]);
    const row = Buffer.alloc(14);
    row.writeFloatLE(scale, 0);
    row.writeFloatLE(rest[0] * mean[0] + rest[1] * mean[1], 4);
    rest.forEach((x, i) => row.writeInt8(Math.round(x / scale), 12 + i));
    const file = Buffer.alloc(320);
    file.write("COROMCAT");
    file.writeUInt32LE(2, 16);
    const entry = (at, number, offset, length) => {
      file.writeUInt32LE(number, at);
      file.writeBigUInt64LE(BigInt(offset), at + 8);
      file.writeBigUInt64LE(BigInt(length), at + 16);
    };
    entry(56, 14, 192, 8);
    entry(112, 17, 256, 14);
    mean.forEach((x, i) => file.writeFloatLE(x, 192 + 4 * i));
    row.copy(file, 256);
    const due = vector.reduce((sum, x, i) => sum + x * query[i], 0);
    assert.ok(Math.abs(int8Scores(Uint8Array.from(file), Float32Array.from(query))(0) - due) < 1e-4);
    assert.throws(() => int8Scores(Uint8Array.from(file.fill(0, 56, 64)), Float32Array.from(query)), /section 14/);
  });

  test("one read reads every byte once", async () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 2654435761) >>> 13);
    const words = new BigUint64Array(bytes.buffer);
    const due = words.subarray(0, words.length).reduce((xor, word, i) => (i % 2 === 0 ? xor ^ word : xor), 0n);
    assert.equal(BigInt.asUintN(64, (await reader(bytes))()), due);
  });

  test("vectorsOf scales a file of NumPy to unit length", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "corom-bench-"));
    try {
      const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }".padEnd(117) + "\n";
      const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
      writeFileSync(path.join(folder, "x.npy"), Buffer.concat([start, Buffer.from(header), Buffer.from(Float32Array.of(3, 4, 0, 2).buffer)]));
      const { vectors, dimension } = vectorsOf(path.join(folder, "x.npy"));
      assert.deepEqual([dimension, [...vectors]], [2, [...Float32Array.of(0.6, 0.8, 0, 1)]]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("rangeOf answers what a page asks for", () => {
    assert.deepEqual(rangeOf("bytes=10-19", 100), { start: 10, end: 20 });
    assert.deepEqual(rangeOf("bytes=90-", 100), { start: 90, end: 100 });
    assert.deepEqual(rangeOf("bytes=90-200", 100), { start: 90, end: 100 });
    for (const whole of [undefined, "bytes=100-", "items=1-2"]) assert.deepEqual(rangeOf(whole, 100), { start: 0, end: 100 });
  });
});
