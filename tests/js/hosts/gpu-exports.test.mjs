// The GPU back end in Chromium, on a GPU that the processor emulates: exports, generated models and rerankers against the CPU.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { generatedFiles } from "../support/generated.mjs";
import { driverPage, filesOf } from "../support/gpu-driver-page.mjs";
import { FIXTURES, exportFolder, fixtureNames, golden } from "../support/paths.mjs";

const TEXTS = ["阔腿裤女冬牛仔", "保温杯", "red shoes"];
/** A release tests each model, as `./build.sh test gpu` does natively; otherwise one of so many is tested. */
const STEPS = process.env.COROM_ALL_TEXTS ? { exports: 1, generated: 1, rerankers: 1 } : { exports: 12, generated: 3, rerankers: 3 };
const LIMIT_MS = 3_600_000;
const inPage = driverPage();

/** Runs models with several settings on the GPU, and in f32 on the CPU. Returns the lowest cosines. */
function compare(files, settings, texts, kind) {
  const work = async (driver, { files, settings, texts, kind }) => {
    const all = {};
    const shared = driver.faultyGpu({ isShared: true });
    for (const [name, gpu, own] of [
      ["cpu", null, { precision: "f32" }],
      ["f32", shared, { precision: "f32" }],
      ["fastest", shared, { kernel: "auto" }],
      ["exact", shared, { kernel: "exact" }],
    ]) {
      const result = await driver.once({ gpu }, files, { ...settings, ...own }, texts);
      if (result.code) return { error: `${name}: ${result.code} ${result.message}` };
      if (gpu && (result.info.backend !== "gpu" || !result.info.device)) return { error: `${name}: ${result.info.fallback}` };
      all[name] = result;
    }
    const cosine = (name) => driver.lowestCosine(all[name].vectors, all.cpu.vectors, all.cpu.info.dimension);
    // Logits: 1 minus the largest difference.
    const nearness = (name) => 1 - Math.max(...all[name].vectors.map((logit, i) => Math.abs(logit - all.cpu.vectors[i])));
    const of = kind === "rerank" ? nearness : cosine;
    return { f32: of("f32"), fastest: of("fastest"), exact: of("exact"), kernel: all.exact.info.kernel };
  };
  return inPage(work, { files, settings, texts, kind });
}

const isClose = ({ f32, fastest, exact }) => f32 >= 0.99999 && fastest >= 0.9999 && exact >= 0.9998;

for (const kind of ["exports", "generated"]) {
  test(`gives the vectors of the CPU for models of ${kind}`, { timeout: LIMIT_MS }, async () => {
    const wrong = [];
    const kernels = new Set();
    const only = process.env.COROM_ONLY;
    const names = fixtureNames(kind).filter((name, i) => (only ? name.includes(only) : i % STEPS[kind] === 0));
    for (const name of names) {
      const { texts, max_length: maxLength, vectors } = golden(name, kind);
      const pooling = vectors.cls ? ["cls"] : vectors.mean ? ["mean"] : undefined;
      const files = filesOf(kind === "generated" ? generatedFiles(name) : exportFolder(name));
      const result = await compare(files, { selfTest: true, maxLength, ...(pooling && { pooling }) }, texts);
      if (result.kernel) kernels.add(result.kernel);
      if (result.error || !isClose(result)) wrong.push({ name, ...result });
    }
    assert.ok(names.length > 0);
    assert.deepEqual(wrong, []);
    if (!only && kind === "exports") assert.deepEqual([...kernels].sort(), ["wgsl floats", "wgsl integers"]);
  });
}

test("gives the logits of the CPU for rerankers", { timeout: LIMIT_MS }, async () => {
  const wrong = [];
  const folders = path.join(FIXTURES, "rerankers");
  const names = readdirSync(folders).filter((name) => existsSync(path.join(folders, name, "weights.json")));
  assert.ok(names.length >= 6);
  for (const name of names.filter((_, i) => i % STEPS.rerankers === 0)) {
    const { max_length: maxLength } = golden(name, "rerankers");
    const result = await compare(filesOf(generatedFiles(name, "rerankers")), { selfTest: true, task: "rerank", maxLength }, TEXTS, "rerank");
    if (result.error || !(result.f32 >= 0.9999 && result.fastest >= 0.98 && result.exact >= 0.98)) wrong.push({ name, ...result });
  }
  assert.deepEqual(wrong, []);
});
