// Every export in tests/fixtures/exports gives the vectors of PyTorch or onnxruntime, with both binaries.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hasRelaxedSimd } from "../../pkg/lib/simd.js";
import { runGoldens } from "./support/goldens.mjs";
import { nodeJson } from "./support/relaxed-node.mjs";

const SCRIPT = fileURLToPath(new URL("./support/goldens.mjs", import.meta.url));

function check(report, simd) {
  assert.ok(report.length >= 100, `only ${report.length} models and poolings were compared`);
  const wrong = report.filter((line) => line.error || line.wrongIds.length > 0 || !(line.worst <= line.tolerance));
  assert.deepEqual(wrong, []);
  assert.deepEqual(report.filter((line) => !line.fused), []);
  // The relaxed kernels quantize activations to 7 bits.
  const minCosine = simd === "plain" ? 0.999 : 0.99;
  assert.deepEqual(report.filter((line) => !(line.integers >= minCosine)), []);
  assert.deepEqual([...new Set(report.map((line) => line.simd))], [simd]);
}

test("every export gives its golden vectors in the plain binary", async () => {
  check(await runGoldens("plain"), "plain");
});

test("every export gives its golden vectors in the relaxed binary", async () => {
  check(hasRelaxedSimd() ? await runGoldens("relaxed") : await nodeJson(SCRIPT, "relaxed"), "relaxed");
});
