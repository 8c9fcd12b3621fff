// GMAC/s of each kernel and shape, in Node:
//   node --experimental-wasm-relaxed-simd benches/kernels/bench.mjs KERNELS.wasm [--json FILE] [--only REGEXP]
// KERNELS.wasm is this folder's crate, built for wasm32 (`--features relaxed-simd` for all kernels).
// Other work on the machine only ever makes a run slower: "best" is the figure to compare.
import { readFileSync, writeFileSync } from "node:fs";

const argument = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const wasm = instance.exports;
const only = new RegExp(argument("--only") ?? ".");
const relaxed = WebAssembly.Module.customSections !== undefined && process.argv[2].includes("relaxed");

const SHAPES = [[768, 768], [768, 2304], [768, 3072], [3072, 768]];
const ROWS = [1, 8, 16, 32, 64, 128];
const EXACT = 0, I16 = 1, I32 = 2;
const KERNELS = [["int8 exact", 8, EXACT], ["int4 exact", 4, EXACT], ["f32 exact", 32, EXACT]];
if (relaxed) {
  KERNELS.push(["int8 relaxed i16", 8, I16], ["int8 relaxed i32", 8, I32]);
  KERNELS.push(["int4 relaxed i16", 4, I16], ["int4 relaxed i32", 4, I32], ["f32 relaxed", 32, I16]);
}

const jobs = [];
for (const [name, bits, kernel] of KERNELS) {
  for (const [inputs, outputs] of SHAPES) {
    for (const rows of ROWS) {
      const set = () => wasm.set_linear(bits, kernel, rows, inputs, outputs, 0);
      jobs.push({ name, shape: `${rows}x${inputs}x${outputs}`, unit: "GMAC/s", work: rows * inputs * outputs, set });
    }
  }
}
jobs.push({ name: "int8 exact + gelu", shape: "16x768x3072", unit: "GMAC/s", work: 16 * 768 * 3072,
  set: () => wasm.set_linear(8, EXACT, 16, 768, 3072, 1) });
for (const tokens of [16, 32, 64, 128]) {
  for (const kernel of relaxed ? [EXACT, I16] : [EXACT]) {
    jobs.push({ name: `attention ${kernel ? "relaxed" : "exact"}`, shape: `${tokens}x768/12`, unit: "GMAC/s",
      work: 2 * tokens * tokens * 768, set: () => wasm.set_attention(kernel, tokens, 768, 12) });
  }
  jobs.push({ name: "add_norm", shape: `${tokens}x768`, unit: "Gvalues/s", work: tokens * 768,
    set: () => wasm.set_add_norm(tokens, 768) });
}
jobs.push({ name: "gelu", shape: "16x3072", unit: "Gvalues/s", work: 16 * 3072, set: () => wasm.set_gelu(16 * 3072) });

const results = [];
for (const { name, shape, unit, work, set } of jobs) {
  if (!only.test(`${name} ${shape}`)) continue;
  set();
  const timed = (times) => {
    const start = performance.now();
    wasm.run(times);
    return (performance.now() - start) / times;
  };
  timed(3); // the optimising compiler
  const times = Math.max(1, Math.round(2 / timed(3))); // two milliseconds a run
  const runs = Array.from({ length: 41 }, () => timed(times)).sort((a, b) => a - b);
  const rate = (ms) => Math.round(work / ms / 1e4) / 100;
  const result = { name, shape, unit, best: rate(runs[0]), median: rate(runs[20]), best_ms: runs[0] };
  results.push(result);
  console.log(`${name.padEnd(20)} ${shape.padEnd(14)} best ${result.best.toFixed(1).padStart(6)}  median ${result.median.toFixed(1).padStart(6)} ${unit}`);
}
if (argument("--json")) writeFileSync(argument("--json"), JSON.stringify({ node: process.version, v8: process.versions.v8, results }, null, 1) + "\n");
