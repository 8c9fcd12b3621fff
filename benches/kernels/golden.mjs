// The kernels' golden hashes in wasm: node [--experimental-wasm-relaxed-simd] benches/kernels/golden.mjs KERNELS.wasm
import { readFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const wasm = instance.exports;
const hex = (hash) => BigInt.asUintN(64, hash).toString(16).padStart(16, "0");
let wrong = 0;
for (let i = 0; i < wasm.golden_cases(); i++) {
  const [got, expected] = [hex(wasm.golden_hash(i)), hex(wasm.golden_expected(i))];
  if (got !== expected) {
    console.error(`golden case ${i}: ${got} for ${expected}`);
    wrong++;
  }
}
console.log(`${wasm.golden_cases() - wrong} of ${wasm.golden_cases()} golden cases`);
process.exit(wrong ? 1 : 0);
