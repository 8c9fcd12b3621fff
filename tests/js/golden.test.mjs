// Every export of the fixtures against the vectors that PyTorch or onnxruntime gave, with both binaries.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hasRelaxedSimd } from "../../pkg/lib/simd.js";
import { runGoldens } from "./support/goldens.mjs";

function check(report, simd) {
  assert.ok(report.length >= 100, `only ${report.length} models and poolings were tried`);
  const wrong = report.filter((line) => line.error || line.wrongIds.length > 0 || !(line.worst <= line.tolerance));
  assert.deepEqual(wrong, []);
  assert.deepEqual(report.filter((line) => !line.fused), []);
  // The relaxed kernels' activations have 7 bits.
  const least = simd === "plain" ? 0.999 : 0.99;
  assert.deepEqual(report.filter((line) => !(line.integers >= least)), []);
  assert.deepEqual([...new Set(report.map((line) => line.simd))], [simd]);
}

test("every export gives its golden vectors with the plain binary", async () => {
  check(await runGoldens("plain"), "plain");
});

test("every export gives its golden vectors with the relaxed binary", async () => {
  check(hasRelaxedSimd() ? await runGoldens("relaxed") : await inAnotherNode("relaxed"), "relaxed");
});

/** Node 20 has relaxed SIMD behind a flag, later ones without. */
async function inAnotherNode(simd) {
  const script = fileURLToPath(new URL("./support/goldens.mjs", import.meta.url));
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--experimental-wasm-relaxed-simd", script, simd], {
    maxBuffer: 64 << 20,
  });
  return JSON.parse(stdout);
}
