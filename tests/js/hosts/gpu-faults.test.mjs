// A GPU that fails in a page: the running call ends on the CPU with right vectors.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { useGpuPage } from "../support/gpu-pages.mjs";

const MIN_COSINE = 0.99999;

describe("a page whose GPU fails", () => {
  const state = useGpuPage();

  /** Runs `fault` in the page, which returns `{ corom, call }`; returns what became of the call. */
  async function outcome(fault, given) {
    const source = `(${async (run, given) => {
      const warnings = [];
      const onProgress = ({ phase, code, message }) => phase === "warning" && warnings.push([code, message]);
      const { corom, data } = await run(onProgress, given);
      const cpu = await load();
      const expected = await cpu.embed(many);
      cpu.free();
      const { device, fallback, backend, kernel } = corom.info;
      const next = (await corom.embed(texts)).rows;
      const result = { cosine: cosine(data, expected.data, 32), warnings, device, fallback, backend, kernel, next };
      corom.free();
      return result;
    }})(${fault}, ${JSON.stringify(given ?? null)})`;
    return state.page.evaluate(source);
  }

  function assertOnCpu({ cosine, warnings, device, fallback, backend, next }, reason) {
    assert.ok(cosine >= MIN_COSINE, `cosine ${cosine}`);
    assert.deepEqual([device, backend, next, warnings.length], ["wasm", "cpu", 10, 1], JSON.stringify(warnings));
    assert.equal(warnings[0][0], "GPU_FALLBACK");
    assert.match(warnings[0][1], reason);
    assert.match(fallback, reason);
    assert.deepEqual(state.complaints, []);
  }

  test("a device that is lost in the middle of a call", async () => {
    const got = await outcome(async (onProgress) => {
      const corom = await load({ device: "webgpu", onProgress });
      const done = [];
      // More texts than one batch has: the first progress comes in the middle.
      const { data } = await corom.embed([...many, ...many, ...many], {
        onProgress: (progress) => {
          if (done.length === 0) gpus.at(-1).destroy();
          done.push(progress.done);
        },
      });
      if (!(done[0] < 240) || done.some((count, i) => i > 0 && count < done[i - 1]) || done.at(-1) !== 240) throw new Error(`progress: ${done}`);
      const [first, , last] = [0, 1, 2].map((third) => data.slice((third * data.length) / 3, ((third + 1) * data.length) / 3));
      if (!(cosine(first, last, 32) > 0.99999)) throw new Error("texts are in another order");
      return { corom, data: last };
    });
    assertOnCpu(got, /lost|results cannot be read/);
  });

  test("a device that is lost between calls, with kept vectors", async () => {
    const got = await outcome(async (onProgress) => {
      const corom = await load({ device: "webgpu", onProgress });
      const kept = await corom.keep(many);
      const before = await corom.rank("阔腿裤女冬", kept, { topK: 5, metric: "cosine" });
      await destroy();
      const { data } = await corom.embed(many);
      const after = await corom.rank("阔腿裤女冬", kept, { topK: 5, metric: "cosine" });
      const differences = before.map(({ score }, i) => Math.abs(score - after[i].score));
      if (!(Math.max(...differences) < 1e-4)) throw new Error(`scores differ: ${differences}`);
      return { corom, data };
    });
    assertOnCpu(got, /lost/);
  });

  test("a result that never arrives", async () => {
    const got = await outcome(async (onProgress) => {
      const { createCoromClass } = await import("/pkg/lib/entry.js");
      const { binaries } = await import("/pkg/lib/binaries.js");
      const web = await import("/pkg/lib/host-web.js");
      const Class = createCoromClass(web, { binaries, gpuDeadlineMs: 500 });
      const corom = await Class.load("/model/", { pooling: "cls", maxLength: 32, quality: "float", device: "webgpu", onProgress });
      GPUBuffer.prototype.mapAsync = () => new Promise(() => {});
      const { data } = await corom.embed(many);
      return { corom, data };
    });
    assertOnCpu(got, /not answered for 0.5 s/);
  });

  for (const submissions of [0, 3, 12]) {
    test(`a device that is destroyed before submission ${submissions}, of the load or of a call`, async () => {
      const got = await outcome(async (onProgress, submissions) => {
        const { faultyGpu } = await import("/support/gpu-driver.js");
        const gpu = faultyGpu({ destroyed: submissions });
        const corom = await load({ device: "webgpu", advanced: { gpu }, onProgress });
        const { data } = await corom.embed(many);
        for (let i = 0; i < 12 && corom.info.device === "webgpu"; i++) await corom.embed(texts);
        return { corom, data };
      }, submissions);
      assertOnCpu(got, /lost|results cannot be read/);
    });
  }

  for (const [name, fault] of [["in the checks of the load", { wrong: 0 }], ["in a call", { wrong: "later" }]]) {
    test(`products with a wrong workgroup, ${name}`, async () => {
      const got = await outcome(async (onProgress, { wrong }) => {
        const { faultyGpu } = await import("/support/gpu-driver.js");
        const fault = { wrong: wrong === "later" ? Infinity : wrong };
        const counts = {};
        const corom = await load({ device: "webgpu", advanced: { gpu: faultyGpu(fault, counts) }, onProgress });
        if (wrong === "later") await corom.embed(texts); // with the checks of the device
        fault.wrong = 0;
        const { data } = await corom.embed(many);
        if (!(counts.wrong > 0)) throw new Error("nothing was wrong");
        return { corom, data };
      }, fault);
      assertOnCpu(got, /./);
    });
  }

  test("buffers that cannot be created", async () => {
    const got = await outcome(async (onProgress) => {
      GPUDevice.prototype.createBuffer = () => {
        throw new RangeError("no memory");
      };
      const corom = await load({ device: "webgpu", onProgress });
      const { data } = await corom.embed(many);
      return { corom, data };
    });
    assertOnCpu(got, /no memory/);
  });

  test("an adapter that gives no device", async () => {
    const got = await outcome(async (onProgress) => {
      GPUAdapter.prototype.requestDevice = async () => {
        throw new DOMException("blocked", "OperationError");
      };
      const corom = await load({ device: "webgpu", onProgress });
      const { data } = await corom.embed(many);
      return { corom, data };
    });
    assertOnCpu(got, /blocked/);
  });

  test("a binary for GPUs that is missing", async () => {
    await state.page.route("**/corom-gpu.wasm", (route) => route.fulfill({ status: 404 }));
    const got = await outcome(async (onProgress) => {
      const corom = await load({ device: "webgpu", retries: 0, onProgress });
      const { data } = await corom.embed(many);
      return { corom, data };
    });
    assertOnCpu(got, /corom-gpu\.wasm cannot be loaded/);
  });

  test("a source that cannot be read again: GPU_FAILED with both reasons, and the next call tries again", async () => {
    await state.page.evaluate(async () => {
      globalThis.corom = await load({ device: "webgpu", cache: "none", retries: 0 });
      globalThis.before = (await corom.embed(texts)).data;
      await destroy();
    });
    await state.page.route("**/model/**", (route) => route.abort());
    const failed = await state.page.evaluate(() => failure(corom.embed(texts)));
    assert.deepEqual([failed.code, failed.cause], ["GPU_FAILED", "FETCH_FAILED"]);
    assert.match(failed.message, /lost.*; the CPU cannot take over: .*model/);
    await state.page.unroute("**/model/**");
    const after = await state.page.evaluate(async () => [cosine((await corom.embed(texts)).data, before, 32), corom.info.device]);
    assert.ok(after[0] >= MIN_COSINE, String(after));
  });

  const otherConfig = async (route) => {
    const config = await (await route.fetch()).json();
    await route.fulfill({ json: { ...config, num_attention_heads: 8 } });
  };
  const otherWeights = async (route) => {
    const body = await (await route.fetch()).body();
    body[body.length >> 1] ^= 1;
    await route.fulfill({ body });
  };
  for (const [what, folder, file, change] of [
    ["its settings", "model", "config.json", otherConfig],
    ["its weights alone, and nothing states their hash", "plain", "model.onnx", otherWeights],
  ]) {
    test(`a source that has changed, ${what}: the CPU does not take over with another model`, async () => {
      await state.page.evaluate(async (folder) => {
        globalThis.corom = await load({ device: "webgpu", cache: "none" }, `/${folder}/`);
        if (corom.info.device !== "webgpu") throw new Error(corom.info.fallback);
        await destroy();
      }, folder);
      await state.page.route(`**/${folder}/${file}`, change);
      const failed = await state.page.evaluate(() => failure(corom.embed(texts)));
      assert.equal(failed.code, "GPU_FAILED", failed.message);
      assert.match(failed.message, folder === "plain" ? /the CPU cannot take over: .*another model/ : /the CPU cannot take over/);
      await state.page.unroute(`**/${folder}/${file}`);
      assert.equal(await state.page.evaluate(async () => (await corom.embed(texts)).rows), 10, "the same model is taken");
    });
  }

  test("freed and aborted in the change to the CPU", async () => {
    const got = await state.page.evaluate(async () => {
      const results = [];
      for (const how of ["free", "abort"]) {
        const controller = new AbortController();
        let isChanging = false;
        const onProgress = ({ phase }) => {
          if (isChanging && phase === "download") how === "free" ? corom.free() : controller.abort();
        };
        const corom = await load({ device: "webgpu", cache: "none", onProgress });
        isChanging = true;
        await destroy();
        const { name, code } = await failure(corom.embed(many, { signal: controller.signal }));
        isChanging = false;
        results.push(how === "free" ? [code, corom.info.wasmMemory] : [name, (await corom.embed(texts)).rows]);
        corom.free();
      }
      return results;
    });
    assert.deepEqual(got, [["FREED", 0], ["AbortError", 10]]);
    assert.deepEqual(state.complaints, []);
  });
});
