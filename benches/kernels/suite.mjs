// The benchmark and the golden check of the kernels, for any host. `bench.mjs` runs them in Node and in Chromium.

const SHAPES = [[768, 768], [768, 2304], [768, 3072], [3072, 768]];
const ROWS = [1, 8, 16, 32, 64, 128];
// Milliseconds per timed run. The clock of a page has a resolution of 0.1 ms.
const span = globalThis.process ? 2 : 10;
const EXACT = 0, I16 = 1, I32 = 2;

function jobs(wasm, relaxed) {
  const kernels = [["int8 exact", 8, EXACT], ["int4 exact", 4, EXACT], ["f32 exact", 32, EXACT]];
  if (relaxed) {
    kernels.push(["int8 relaxed i16", 8, I16], ["int8 relaxed i32", 8, I32]);
    kernels.push(["int4 relaxed i16", 4, I16], ["int4 relaxed i32", 4, I32], ["f32 relaxed", 32, I16]);
  }
  const jobs = [];
  for (const [name, bits, kernel] of kernels) {
    for (const [inputs, outputs] of SHAPES) {
      for (const rows of ROWS) {
        const set = () => wasm.set_linear(bits, kernel, rows, inputs, outputs, 0);
        jobs.push({ name, shape: `${rows}x${inputs}x${outputs}`, unit: "GMAC/s", work: rows * inputs * outputs, set });
      }
    }
  }
  for (const [name, bits, kernel] of kernels) {
    for (const tokens of [8, 16, 32, 128]) {
      jobs.push({
        name: `model ${name}`, shape: `${tokens} tokens`, unit: "texts/s", work: 1e9,
        set: () => wasm.set_model(bits, kernel, tokens),
      });
    }
  }
  jobs.push({
    name: "int8 exact + gelu", shape: "16x768x3072", unit: "GMAC/s", work: 16 * 768 * 3072,
    set: () => wasm.set_linear(8, EXACT, 16, 768, 3072, 1),
  });
  for (const tokens of [16, 32, 64, 128]) {
    for (const kernel of relaxed ? [EXACT, I16] : [EXACT]) {
      jobs.push({
        name: `attention ${kernel ? "relaxed" : "exact"}`, shape: `${tokens}x768/12`, unit: "GMAC/s",
        work: 2 * tokens * tokens * 768, set: () => wasm.set_attention(kernel, tokens, 768, 12),
      });
    }
  }
  jobs.push({ name: "add_norm", shape: "16x768", unit: "Gvalue/s", work: 16 * 768, set: () => wasm.set_add_norm(16, 768) });
  jobs.push({ name: "gelu", shape: "16x3072", unit: "Gvalue/s", work: 16 * 3072, set: () => wasm.set_gelu(16 * 3072) });
  return jobs;
}

/// Times every job whose name and shape match `only`. `relaxed`: the module has relaxed SIMD.
export async function run({ bytes, relaxed, only, log }) {
  const { instance } = await WebAssembly.instantiate(bytes);
  const wasm = instance.exports;
  const start = performance.now();
  const passing = ["relaxed i16", "relaxed i32"].filter((_, at) => wasm.passes_self_check(at + 1));
  log?.(`pass the self-check: ${passing.join(", ")} (${Math.round(performance.now() - start)} ms)`);
  const results = [];
  for (const { name, shape, unit, work, set } of jobs(wasm, relaxed)) {
    if (!new RegExp(only).test(`${name} ${shape}`)) continue;
    set();
    const timed = (times) => {
      const start = performance.now();
      wasm.run(times);
      return (performance.now() - start) / times;
    };
    timed(2); // lets the engine optimize the kernel
    const times = Math.max(1, Math.round(span / Math.max(timed(2), 1e-3)));
    const runs = [];
    for (const start = performance.now(); runs.length < 41 && (runs.length < 9 || performance.now() - start < 3000); ) {
      runs.push(timed(times));
    }
    runs.sort((a, b) => a - b);
    // Billions of operations per second. The work of a text is 1e9, so its rate is texts per second.
    const rate = (ms) => Math.round(work / ms / 1e4) / 100;
    const result = { name, shape, unit, best: rate(runs[0]), median: rate(runs[runs.length >> 1]), best_ms: runs[0] };
    results.push(result);
    log?.(`${name.padEnd(27)} ${shape.padEnd(12)} best ${result.best.toFixed(1).padStart(6)}  median ${result.median.toFixed(1).padStart(6)} ${unit}`);
  }
  return { passing, results };
}

/// Computes every golden case of a module; returns their count and the numbers of those with another hash.
export async function golden({ bytes }) {
  const { instance } = await WebAssembly.instantiate(bytes);
  return compare(instance.exports);
}

/// Compares the hash of every golden case with the expected one.
export function compare(wasm) {
  const cases = Array.from({ length: wasm.golden_cases() }, (_, i) => i);
  return { cases: cases.length, wrong: cases.filter((i) => wasm.golden_hash(i) !== wasm.golden_expected(i)) };
}
