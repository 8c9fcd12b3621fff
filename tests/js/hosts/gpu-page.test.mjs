// `device: "webgpu"` and "auto" in pages, with WebGPU on SwiftShader, and in a browser without an adapter.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { maxAbs } from "../support/corom.mjs";
import { GOLDEN, useGpuPage } from "../support/gpu-pages.mjs";
import { E5_SMALL, madeUpConfig, madeUpOnnx } from "../support/made-up-onnx.mjs";

const MIN_COSINE = 0.99999;
const filesOf = (asked) => asked.map((url) => new URL(url).pathname.split("/").at(-1));
const binariesIn = (asked) => filesOf(asked).filter((name) => /\.wasm$/.test(name));

/** A model with weights of 21 MB in its layers, and a small vocabulary. */
const LAYERS = { ...E5_SMALL, vocab: 1000 };

describe("a page with a GPU", () => {
  const state = useGpuPage();

  test("weights leave WebAssembly memory as they arrive", async () => {
    const files = { "config.json": madeUpConfig(LAYERS), "model.onnx": Buffer.from(await madeUpOnnx(LAYERS).arrayBuffer()) };
    for (const [name, body] of Object.entries(files)) await state.page.route(`**/plain/${name}`, (route) => route.fulfill({ body }));
    const { device, fallback, memory, weightBytes, onCpu } = await state.page.evaluate(async () => {
      const corom = await load({ device: "webgpu", quality: "balanced" }, "/plain/");
      const { device, fallback, wasmMemory, weightBytes } = corom.info;
      corom.free();
      const cpu = await load({ quality: "balanced" }, "/plain/");
      return { device, fallback, memory: wasmMemory / 2 ** 20, weightBytes, onCpu: cpu.info.wasmMemory / 2 ** 20 };
    });
    assert.deepEqual([device, fallback], ["webgpu", undefined]);
    assert.ok(weightBytes > 20e6 && memory < 10 && onCpu > 20, `${memory} MiB, on the CPU ${onCpu} MiB, ${weightBytes} bytes of weights`);
  });

  test("webgpu embeds, scores and ranks as the CPU does, and fetches one binary", async () => {
    const got = await state.page.evaluate(async () => {
      const phases = new Set();
      const corom = await load({ device: "webgpu", onProgress: ({ phase }) => phases.add(phase) });
      const done = [];
      const { data, dimension } = await corom.embed(many, { onProgress: (progress) => done.push(progress.done) });
      const golden = (await corom.embed(texts)).data;
      const single = await corom.embed(texts[1]);
      const [best, second] = await corom.rank(texts[1], texts.slice(2), { metric: "cosine" });
      const kept = await corom.keep(many);
      const ranked = await corom.rank("阔腿裤", kept, { topK: 3, metric: "cosine" });
      const { ids } = await corom.tokenize(texts[1]);
      const { device, gpu, fallback, backend, wasmMemory } = corom.info;
      corom.free();
      const binaries = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => /\/wasm\//.test(name));
      const cpu = await load();
      const onCpu = await cpu.embed(many);
      const result = {
        cosines: [cosine(data, onCpu.data, dimension), cosine(golden, (await cpu.embed(texts)).data, dimension)],
        single: cosine(single, await cpu.embed(texts[1]), dimension),
        golden: [...golden],
        ranks: [[best.index, second.index], (await cpu.rank(texts[1], texts.slice(2), { metric: "cosine" })).slice(0, 2).map(({ index }) => index)],
        scores: [ranked, await cpu.rank("阔腿裤", onCpu, { topK: 3, metric: "cosine" })].map((list) => list.map(({ score }) => score)),
        info: { device, gpu, fallback, backend, memory: [wasmMemory > 1 << 20, corom.info.wasmMemory] },
        ids: [ids, (await cpu.tokenize(texts[1])).ids],
        plain: [cpu.info.device, "gpu" in cpu.info, "fallback" in cpu.info],
        phases: [...phases],
        done,
        binaries,
      };
      cpu.free();
      return result;
    });
    for (const cosine of [...got.cosines, got.single]) assert.ok(cosine >= MIN_COSINE, `${got.cosines}, ${got.single}`);
    assert.ok(maxAbs(got.golden, GOLDEN.vectors.cls.flat()) <= GOLDEN.tolerance);
    assert.deepEqual(got.ranks[0], got.ranks[1]);
    assert.ok(maxAbs(got.scores[0], got.scores[1]) < 1e-4, JSON.stringify(got.scores));
    assert.deepEqual(got.ids[0], got.ids[1]);
    const { gpu, ...info } = got.info;
    assert.match(gpu, /swiftshader/i);
    assert.deepEqual(info, { device: "webgpu", fallback: undefined, backend: "gpu", memory: [true, 0] });
    assert.deepEqual(got.plain, ["wasm", false, false]);
    for (const phase of ["wasm", "download", "pack", "done"]) assert.ok(got.phases.includes(phase), String(got.phases));
    assert.ok(!got.phases.includes("warning"));
    assert.equal(got.done.at(-1), 80);
    assert.ok(got.done.every((done, i) => i === 0 || done >= got.done[i - 1]), String(got.done));
    const binaries = filesOf(got.binaries).filter((name) => name !== "corom.js");
    assert.deepEqual(binaries.sort(), ["corom-gpu.js", "corom-gpu.wasm"]);
    assert.deepEqual(state.complaints, []);
  });

  test("webgpu reranks as the CPU does", async () => {
    const got = await state.page.evaluate(async () => {
      const scores = {};
      for (const device of ["webgpu", "wasm"]) {
        const reranker = await CoromReranker.load("/ranking/", { device, quality: "float" });
        const list = await reranker.rerank("连衣裙 加厚", many.slice(0, 40));
        scores[device] = list.sort((a, b) => a.index - b.index).map(({ logit }) => logit);
        scores[`${device} info`] = [reranker.info.device, reranker.info.fallback];
        reranker.free();
      }
      return scores;
    });
    assert.deepEqual([got["webgpu info"], got["wasm info"][0]], [["webgpu", undefined], "wasm"]);
    const spread = Math.max(...got.wasm) - Math.min(...got.wasm);
    assert.ok(spread > 0 && maxAbs(got.webgpu, got.wasm) <= 1e-3 * Math.max(1, spread), `${got.webgpu}; ${got.wasm}`);
  });

  test("auto stays on the CPU if the processor emulates the GPU, with the CPU's bits, and fetches no code for GPUs", async () => {
    const got = await state.page.evaluate(async () => {
      const auto = await load({ device: "auto" });
      const wasm = await load({ device: "wasm" });
      const [{ data: a }, { data: b }] = [await auto.embed(many), await wasm.embed(many)];
      return { same: a.every((x, i) => x === b[i]), info: { ...auto.info }, devices: await Corom.devices(), opened: gpus.length };
    });
    assert.deepEqual([got.same, got.info.device, got.devices, got.opened], [true, "wasm", ["wasm", "webgpu"], 0]);
    assert.match(got.info.fallback, /the processor emulates the GPU \(.*SwiftShader.*\)/i);
    assert.ok(!state.asked.some((url) => /corom-gpu/.test(url)), String(state.asked));
  });

  test("auto measures a GPU that it takes for a real one, frees it because it is slower, and remembers that", async () => {
    const got = await state.page.evaluate(async () => {
      // SwiftShader under another name.
      const disguised = {
        wgslLanguageFeatures: navigator.gpu.wgslLanguageFeatures,
        async requestAdapter(options) {
          const adapter = await navigator.gpu.requestAdapter(options);
          const { limits, features } = adapter;
          return { info: { vendor: "acme", architecture: "rdna-9" }, limits, features, requestDevice: (...args) => adapter.requestDevice(...args) };
        },
      };
      const options = { device: "auto", advanced: { gpu: disguised } };
      const corom = await load(options);
      const first = { ...corom.info };
      const cosines = [];
      const { data } = await corom.embed(Array(4).fill(many).flat());
      const expected = data.slice(0, data.length / 4);
      while (corom.info.fallback === undefined) {
        cosines.push(cosine((await corom.embed(many)).data, expected, 32));
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      const lost = await gpus[0].lost;
      const second = await load(options);
      return { first, cosines, after: { ...corom.info }, lost: lost.reason, second: { ...second.info }, opened: gpus.length };
    });
    assert.deepEqual([got.first.device, got.first.gpu, got.first.fallback], ["wasm", "acme rdna-9", undefined]);
    assert.ok(got.cosines.length > 0 && got.cosines.every((cosine) => cosine >= MIN_COSINE), String(got.cosines));
    for (const info of [got.after, got.second]) {
      assert.deepEqual([info.device, info.fallback], ["wasm", "the CPU is at least as fast as the GPU (acme rdna-9)"]);
    }
    assert.deepEqual([got.lost, got.opened], ["destroyed", 1], "the second load has not opened a device");
    assert.deepEqual(state.complaints, []);
  });

  test("wasm, the default, does not ask WebGPU for anything", async () => {
    const asked = await state.page.evaluate(async () => {
      let count = 0;
      const { requestAdapter } = GPU.prototype;
      GPU.prototype.requestAdapter = function (...args) {
        count++;
        return requestAdapter.apply(this, args);
      };
      for (const device of [undefined, "wasm", "cpu"]) (await load({ device })).free();
      return count;
    });
    assert.equal(asked, 0);
    assert.ok(!state.asked.some((url) => /corom-gpu/.test(url)));
  });

  test("instances share a device, which ends with the last of them", async () => {
    const got = await state.page.evaluate(async () => {
      const [first, second] = await Promise.all([load({ device: "webgpu" }), load({ device: "webgpu" })]);
      const opened = gpus.length;
      let lost = false;
      gpus[0].lost.then(() => (lost = true));
      first.free();
      const { data } = await second.embed(texts);
      const whileUsed = lost;
      second.free();
      const { reason } = await gpus[0].lost;
      const third = await load({ device: "webgpu" });
      const again = (await third.embed(texts)).data;
      third.free();
      return { opened, whileUsed, reason, same: cosine(data, again, 32), in: gpus.length };
    });
    assert.deepEqual({ ...got, same: got.same >= MIN_COSINE }, { opened: 1, whileUsed: false, reason: "destroyed", same: true, in: 2 });
  });

  test("calls at the same time, aborted calls and freed instances end as on the CPU", async () => {
    const got = await state.page.evaluate(async () => {
      const corom = await load({ device: "webgpu" });
      const expected = (await corom.embed(many)).data;
      const controller = new AbortController();
      const calls = [corom.embed(many), corom.embed(many, { signal: controller.signal, onProgress: () => controller.abort() }), corom.embed(many)];
      const aborted = await failure(calls[1]);
      const same = [];
      for (const call of [calls[0], calls[2]]) same.push(cosine((await call).data, expected, 32));
      const typed = await failure(corom.embed([5]));
      const pending = failure(corom.embed(many));
      corom.free();
      return { aborted: aborted.name, same, typed: typed.code, freed: (await pending).code, fallback: corom.info.fallback };
    });
    assert.deepEqual([got.aborted, got.typed, got.freed, got.fallback], ["AbortError", "INVALID_ARGUMENT", "FREED", undefined]);
    for (const cosine of got.same) assert.ok(cosine >= MIN_COSINE, String(got.same));
    assert.deepEqual(state.complaints, []);
  });

  test("a load that is aborted ends its device", async () => {
    const got = await state.page.evaluate(async () => {
      const controller = new AbortController();
      const onProgress = ({ phase }) => phase === "pack" && controller.abort();
      const { name } = await failure(load({ device: "webgpu", signal: controller.signal, onProgress }));
      return [name, (await gpus[0].lost).reason];
    });
    assert.deepEqual(got, ["AbortError", "destroyed"]);
  });
});

describe("a page without a GPU", () => {
  const state = useGpuPage({ flags: [] });

  test("webgpu is GPU_FAILED, which says what to do, and auto computes on the CPU", async () => {
    const got = await state.page.evaluate(async () => {
      const failed = await failure(load({ device: "webgpu" }));
      const auto = await load({ device: "auto" });
      const { rows } = await auto.embed(many);
      return { failed, rows, device: auto.info.device, fallback: auto.info.fallback, devices: await Corom.devices() };
    });
    assert.equal(got.failed.code, "GPU_FAILED");
    assert.match(got.failed.message, /^device: "webgpu": .*; device: "auto" computes on the CPU/);
    assert.deepEqual([got.rows, got.device, got.devices], [80, "wasm", ["wasm"]]);
    assert.match(got.fallback, /WebGPU/);
    assert.equal(binariesIn(state.asked).length, 1);
    assert.ok(!state.asked.some((url) => /corom-gpu/.test(url)), String(state.asked));
    assert.deepEqual(state.complaints, []);
  });
});
