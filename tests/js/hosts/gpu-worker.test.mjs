// `device: "webgpu"` in workers of `corom/worker`, with WebGPU on SwiftShader.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { useGpuPage } from "../support/gpu-pages.mjs";

const MIN_COSINE = 0.99999;

describe("corom/worker with a GPU", () => {
  const state = useGpuPage();
  const evaluate = (work) =>
    state.page.evaluate(`(${async (work) => {
      const { Corom: InWorker, CoromReranker: RerankerInWorker } = await import("/pkg/worker.js");
      const channel = new BroadcastChannel("gpu");
      const loadInWorker = (options) => InWorker.load("/model/", { pooling: "cls", maxLength: 32, quality: "float", ...options });
      const next = { query: "" };
      const worker = () => new Worker(`/support/gpu-thread.mjs${next.query}`, { type: "module" });
      /** Loses the device of every worker, or makes its results wrong: see gpu-thread.mjs. */
      const lose = (when, workers = 1) =>
        new Promise((resolve) => {
          channel.onmessage = () => --workers === 0 && resolve();
          channel.postMessage({ when });
        });
      const cpu = await load();
      const expected = (await cpu.embed(many)).data;
      cpu.free();
      return work({ InWorker, RerankerInWorker, loadInWorker, worker, next, lose, expected });
    }})(${work})`);

  for (const workers of [1, 2]) {
    test(`${workers} of them give the vectors of the CPU, and report the device`, async () => {
      const got = await evaluate(`async ({ loadInWorker, expected }) => {
        const corom = await loadInWorker({ device: "webgpu", workers: ${workers} });
        const { data } = await corom.embed(many);
        const calls = await Promise.all([corom.embed(many), corom.embed(many)]);
        const [best] = await corom.rank(texts[1], texts);
        const { device, gpu, fallback, backend, workers } = corom.info;
        await corom.unload();
        const again = (await corom.embed(many)).data;
        corom.free();
        return { cosines: [data, again, ...calls.map(({ data }) => data)].map((rows) => cosine(rows, expected, 32)), best: best.index, device, gpu, fallback, backend, workers };
      }`);
      for (const cosine of got.cosines) assert.ok(cosine >= MIN_COSINE, String(got.cosines));
      const { device, fallback, backend, workers: count } = got;
      assert.deepEqual({ device, fallback, backend, count }, { device: "webgpu", fallback: undefined, backend: "gpu", count: workers });
      assert.match(got.gpu, /swiftshader/i);
      assert.deepEqual(state.complaints, []);
    });
  }

  for (const when of ["now", "next"]) {
    test(`a device that is lost ${when === "now" ? "between calls" : "in a call"}: the worker goes on with the CPU, and warns`, async () => {
      const got = await evaluate(`async ({ loadInWorker, worker, lose, expected }) => {
        const warnings = [];
        const onProgress = ({ phase, code, message, cause }) => phase === "warning" && warnings.push([code, message, cause.code]);
        const corom = await loadInWorker({ device: "webgpu", worker, onProgress });
        const before = corom.info.device;
        await lose(${JSON.stringify(when)});
        const { data } = await corom.embed(many);
        const { device, fallback, backend } = corom.info;
        corom.free();
        return { cosine: cosine(data, expected, 32), warnings, before, device, fallback, backend };
      }`);
      assert.ok(got.cosine >= MIN_COSINE, String(got.cosine));
      assert.deepEqual([got.before, got.device, got.backend], ["webgpu", "wasm", "cpu"]);
      assert.match(got.fallback, /lost/);
      assert.deepEqual(got.warnings.map(([code, , cause]) => [code, cause]), [["GPU_FALLBACK", "GPU_FAILED"]]);
    });
  }

  test("the workers of a pool warn each, and give right vectors", async () => {
    const got = await evaluate(`async ({ loadInWorker, worker, lose, expected }) => {
      const codes = [];
      const onProgress = ({ phase, code }) => phase === "warning" && codes.push(code);
      const corom = await loadInWorker({ device: "webgpu", workers: 2, worker, onProgress });
      await lose("now", 2);
      const cosines = [];
      while (codes.length < 2) cosines.push(cosine((await corom.embed(many)).data, expected, 32));
      corom.free();
      return { cosines, codes };
    }`);
    for (const cosine of got.cosines) assert.ok(cosine >= MIN_COSINE, String(got.cosines));
    assert.deepEqual(got.codes, ["GPU_FALLBACK", "GPU_FALLBACK"]);
  });

  test("a worker that starts again goes on with the CPU when there is no GPU any more, and after wrong results", async () => {
    const got = await evaluate(`async ({ loadInWorker, worker, next, lose, expected }) => {
      const warnings = [];
      const onProgress = ({ phase, code, message }) => phase === "warning" && warnings.push([code, message]);
      const corom = await loadInWorker({ device: "webgpu", worker, onProgress });
      const seen = [];
      const embed = async () => {
        const { data } = await corom.embed(many.slice(0, 5));
        seen.push([corom.info.device, cosine(data, expected.slice(0, data.length), 32), corom.info.fallback]);
      };
      for (next.query of ["?gone", ""]) {
        await corom.unload();
        await embed();
      }
      await lose("wrong");
      await embed();
      await corom.unload();
      await embed();
      corom.free();
      return { warnings, seen };
    }`);
    assert.deepEqual(got.seen.map(([device]) => device), ["wasm", "webgpu", "wasm", "wasm"]);
    for (const [, cosine] of got.seen) assert.ok(cosine >= MIN_COSINE, String(cosine));
    const [gone, back, wrong, again] = got.seen.map(([, , fallback]) => fallback);
    assert.deepEqual([/finds no GPU/.test(gone), back, /wrong|another|not finite/.test(wrong), again === wrong], [true, undefined, true, true], got);
    assert.deepEqual(got.warnings.map(([code, message], i) => [code, message.endsWith([gone, wrong, wrong][i])]), Array(3).fill(["GPU_FALLBACK", true]));
  });

  test("a reranker in a worker, with a budget and partial results", async () => {
    const got = await evaluate(`async ({ RerankerInWorker }) => {
      const results = {};
      for (const device of ["webgpu", "wasm"]) {
        const partials = [];
        const reranker = await RerankerInWorker.load("/ranking/", { device, quality: "float" });
        const onPartial = (list, { done }) => partials.push(done);
        const list = await reranker.rerank("连衣裙 加厚", many.slice(0, 40), { budgetMs: Infinity, onPartial });
        results[device] = list.sort((a, b) => a.index - b.index).map(({ logit }) => logit);
        results[device + " facts"] = [reranker.info.device, partials[0], partials.at(-1)];
        reranker.free();
      }
      return results;
    }`);
    assert.deepEqual([got["webgpu facts"], got["wasm facts"]], [["webgpu", 5, 40], ["wasm", 5, 40]]);
    const worst = Math.max(...got.webgpu.map((logit, i) => Math.abs(logit - got.wasm[i])));
    assert.ok(worst < 1e-2, `logits differ by ${worst}`);
  });
});
