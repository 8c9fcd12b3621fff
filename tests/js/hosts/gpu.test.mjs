// The GPU back end in Chromium, on a GPU that the processor emulates: batches, injected faults, and what is left of models that
// were freed. gpu-exports.test.mjs compares models with the CPU.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { INT8, driverPage } from "../support/gpu-driver-page.mjs";

const TEXTS = ["阔腿裤女冬牛仔", "保温杯", "red shoes"];
/** A release tests each fault; otherwise one of so many is tested. */
const isRelease = Boolean(process.env.COROM_ALL_TEXTS);
/** Loads and frees of the endurance test, as many in one instance as in others. */
const LOADS = Number(process.env.COROM_GPU_LOADS ?? (isRelease ? 1000 : 10));
const LIMIT_MS = 3_600_000;

const inPage = driverPage();

describe("the GPU back end in Chromium", () => {
  // Weights go to the GPU before the hash of their file is checked.
  test("drops the weights of a damaged file, and takes those of the next transfer", async () => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const gpu = driver.faultyGpu({ isShared: true });
        const vectors = [];
        const codes = [];
        for (const damaged of [undefined, "model.onnx_data_000"]) {
          const host = await driver.start({ gpu });
          const model = await driver.load(host, files, { selfTest: true, kernel: "exact" }, damaged);
          codes.push(host.code, host.device.liveBytes());
          vectors.push(await driver.embed(host, model, texts));
          driver.end(host);
        }
        return { codes, same: String(vectors[0]) === String(vectors[1]) };
      },
      { files: INT8, texts: TEXTS },
    );
    assert.deepEqual([report.codes[0], report.codes[2], report.same], [undefined, "INTEGRITY_MISMATCH", true]);
    assert.equal(report.codes[1], report.codes[3], "bytes on the GPU");
  });

  test("computes two batches at a time and waits only when both are under way", async () => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const host = await driver.start({ gpu: driver.faultyGpu({ isShared: true }) });
        const model = await driver.load(host, files, { selfTest: true, kernel: "exact" });
        host.pending = host.polled = 0;
        const many = Array.from({ length: 600 }, (_, i) => texts[i % texts.length]);
        const job = model.start(many, "");
        const steps = [];
        while (!model.step(job)) {
          steps.push(job.isPending ? "wait" : job.done);
          if (job.isPending) await host.lease.wait();
        }
        const data = model.finish(job);
        const alone = await driver.embed(host, model, texts);
        const cosine = driver.lowestCosine([...data.slice(0, alone.length)], alone, model.info().dimension);
        const last = driver.lowestCosine([...data.slice(-alone.length)], alone, model.info().dimension);
        driver.end(host);
        return { steps, cosine, last };
      },
      { files: INT8, texts: TEXTS },
    );
    // Tokens, then the first batch; the second batch is begun before the first is waited for.
    const first = report.steps.indexOf("wait");
    assert.ok(first > 3 && report.steps.slice(0, first).every((done) => done === 0), String(report.steps));
    assert.ok(report.cosine > 0.9999 && report.last > 0.9999, JSON.stringify(report));
  });
});

describe("variants of products that an earlier load has measured", () => {
  test("are the only ones that are compiled, and other numbers mean nothing", async () => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const results = [];
        // No number of variants; 4 by 4 outputs per thread for all rows.
        for (const variants of [9999, 0b1010]) {
          const counts = {};
          const host = await driver.start({ gpu: driver.faultyGpu({ isShared: true }, counts), variants });
          const model = await driver.load(host, files, { selfTest: true, precision: "f32" });
          const vectors = await driver.embed(host, model, texts);
          results.push({ vectors, shaders: [...counts.shaders], measured: host.device.variants(), dimension: model.info().dimension });
          driver.end(host);
        }
        const [fixed, kept] = results;
        const cosine = driver.lowestCosine(kept.vectors, fixed.vectors, fixed.dimension);
        return { cosine, shaders: results.map(({ shaders }) => shaders), measured: results.map(({ measured }) => measured) };
      },
      { files: INT8, texts: TEXTS },
    );
    assert.deepEqual(report.shaders.map((shaders) => shaders.includes("linear_few_rows")), [true, false]);
    assert.ok(report.shaders.every((shaders) => shaders.includes("linear")), JSON.stringify(report.shaders));
    assert.ok(report.cosine > 0.99999, String(report.cosine));
    assert.deepEqual(report.measured, [0, 0b1010], "nothing is measured on an emulated GPU");
  });
});

describe("a GPU that is not emulated", () => {
  // The browser's compiler must take these shaders too. The variants are kept, so nothing is measured.
  test("has its products checked if its vendor is hidden, and quantized blocks where they were faster", async (t) => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const run = async (options, settings) => {
          const counts = {};
          const host = await driver.start({ gpu: driver.faultyGpu({ isShared: true }, counts), ...options });
          const model = await driver.load(host, files, { selfTest: true, ...settings });
          const loaded = counts.submissions;
          const vectors = await driver.embed(host, model, texts);
          const { kernel, precision, dimension } = model.info();
          driver.end(host);
          return { vectors, kernel, precision, dimension, loaded, shaders: [...counts.shaders] };
        };
        const plain = await run({}, { precision: "f32" });
        // Up to 16 rows in the variant for few, more in tiles of 8 by 8; then quantized blocks for all submissions.
        const [floats, blocks] = [0b1_01_00, 0b1_0001_01_00];
        const checked = await run({ variants: floats, adapter: { isSoftware: false, vendor: "" } }, { precision: "f32" });
        const acme = { variants: blocks, adapter: { isSoftware: false, vendor: "acme" } };
        const rounded = await run(acme, { kernel: "auto" });
        const gpu = driver.faultyGpu({ isShared: true, wrong: rounded.loaded });
        rounded.failure = (await driver.once({ gpu, ...acme }, files, { selfTest: true, kernel: "auto" }, texts)).message;
        return [checked, rounded].map(({ vectors, dimension, ...of }) => ({ ...of, cosine: driver.lowestCosine(vectors, plain.vectors, dimension) }));
      },
      { files: INT8, texts: TEXTS },
    );
    const [checked, rounded] = report;
    t.diagnostic(JSON.stringify(report));
    const has = ({ shaders }, names) => assert.deepEqual(names.filter((name) => !shaders.includes(name)), [], String(shaders));
    has(checked, ["linear_check", "clip", "linear_few_rows", "linear"]);
    assert.deepEqual([checked.kernel, checked.precision], ["wgsl floats", "f32"]);
    assert.ok(checked.cosine > 0.99999, String(checked.cosine));
    has(rounded, ["quantize_blocks", "linear_i8_blocks"]);
    assert.deepEqual([rounded.kernel, rounded.precision], ["wgsl int8", "int8"]);
    // Rows of 8 bits round, so the vectors are near, and others.
    assert.ok(rounded.cosine > 0.999 && rounded.cosine < 1 - 1e-7, String(rounded.cosine));
    assert.match(String(rounded.failure), /another one/, "a workgroup of quantized blocks is wrong after the checks");
  });
});

describe("a slow GPU", () => {
  test("gets its work in pieces, of which at most four are under way", async () => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const counts = {};
        const gpu = driver.faultyGpu({ isShared: true }, counts);
        const host = await driver.start({ gpu, submissionMs: 1e-6 });
        const model = await driver.load(host, files, { selfTest: true, kernel: "exact" });
        // Each submission halves the number of tokens of a piece.
        for (let i = 0; i < 4; i++) await driver.embed(host, model, texts.slice(0, 1));
        Object.assign(counts, { most: 0, submissions: 0 });
        const many = Array.from({ length: 60 }, (_, i) => texts[i % texts.length]);
        const data = await driver.embed(host, model, many);
        const { most, submissions } = counts;
        const alone = await driver.embed(host, model, texts);
        const dimension = model.info().dimension;
        const cosines = [data.slice(0, alone.length), data.slice(-alone.length)].map((part) => driver.lowestCosine(part, alone, dimension));
        driver.end(host);
        return { most, submissions, cosines };
      },
      { files: INT8, texts: TEXTS },
    );
    assert.ok(report.cosines.every((cosine) => cosine > 0.9999), JSON.stringify(report));
    assert.ok(report.submissions > 30 && report.most >= 2 && report.most <= 4, JSON.stringify(report));
  });
});

describe("a GPU with a fault", () => {
  /** Embeds twice on a GPU with a fault. */
  const withFault = (fault, { deadlineMs } = {}) =>
    inPage(
      async (driver, { files, texts, fault, deadlineMs }) => {
        const counts = {};
        const isShared = fault.destroyed === undefined;
        const result = await driver.once({ gpu: driver.faultyGpu({ isShared, ...fault }, counts), deadlineMs }, files, { selfTest: true, kernel: "exact" }, texts, 2);
        const { submissions, allocations, wrong } = counts;
        return { ...result, submissions, allocations, wrong };
      },
      { files: INT8, texts: TEXTS, fault, deadlineMs },
    );
  /** Returns the number of submissions of a load; and of a load with two calls the submissions, allocations and shaders. */
  const counted = () =>
    inPage(
      async (driver, { files, texts }) => {
        const counts = {};
        const host = await driver.start({ gpu: driver.faultyGpu({ isShared: true }, counts) });
        const model = await driver.load(host, files, { selfTest: true, kernel: "exact" });
        const loaded = counts.submissions;
        const checkMs = host.device.checkMs();
        await driver.embed(host, model, texts);
        await driver.embed(host, model, texts);
        driver.end(host);
        const { submissions, allocations, shaders } = counts;
        return { loaded, submissions, allocations, shaders: [...shaders], checkMs };
      },
      { files: INT8, texts: TEXTS },
    );
  const fails = async (fault, why, options) => {
    const result = await withFault(fault, options);
    assert.equal(result.code, "GPU_FAILED", `${JSON.stringify(fault)}: ${JSON.stringify(result)}`);
    assert.match(result.message, why, JSON.stringify(fault));
  };

  test("has none: the counts that the faults refer to, and the time of the checks", async (t) => {
    await counted(); // compiles the shaders
    const { loaded, submissions, allocations, checkMs } = await counted();
    t.diagnostic(`the checks took ${checkMs.toFixed(0)} ms, with compiled shaders`);
    assert.ok(checkMs > 0, String(checkMs));
    assert.ok(loaded > 4 && submissions >= loaded + 2 && allocations > 10, `${loaded} ${submissions} ${allocations}`);
    assert.equal((await withFault({})).code, undefined);
  });

  test("is lost: the call ends with GPU_FAILED", { timeout: LIMIT_MS }, async () => {
    const { loaded, submissions } = await counted();
    const some = [0, Math.floor(loaded / 2), loaded - 1, loaded, submissions - 1];
    for (const destroyed of isRelease ? Array(submissions).keys() : some) {
      await fails({ destroyed }, /lost/);
    }
  });

  test("has no memory: the load or the call ends with GPU_FAILED", { timeout: LIMIT_MS }, async () => {
    const { allocations } = await counted();
    const step = isRelease ? 1 : Math.floor(allocations / 6);
    for (let allocation = 0; allocation < allocations; allocation += step) await fails({ allocation }, /GPU cannot be used/);
  });

  test("rejects a shader", { timeout: LIMIT_MS }, async () => {
    const { shaders } = await counted();
    const some = ["embed", "linear_i8_exact", "attention"];
    assert.deepEqual(some.filter((name) => !shaders.includes(name)), []);
    for (const shader of isRelease ? shaders : some) await fails({ shader }, /GPU cannot be used/);
  });

  test("computes a workgroup wrong, from the first check, in the self-test or later", async () => {
    const { loaded } = await counted();
    await fails({ wrong: 0 }, /is wrong/);
    await fails({ wrong: loaded }, /another one/);
    const late = await withFault({ wrong: loaded - 1 });
    assert.ok(["GPU_FAILED", "SELF_TEST_FAILED"].includes(late.code), JSON.stringify(late));
  });

  test("does not answer: the deadline passes", async () => {
    const { loaded } = await counted();
    for (const silent of [0, loaded]) {
      const began = performance.now();
      await fails({ silent }, /has not answered for 3 s/, { deadlineMs: 3000 });
      assert.ok(performance.now() - began < 30_000);
    }
  });
});

describe("leases of a GPU", () => {
  test("share one device, which ends with the last of them", async () => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const counts = {};
        let devices = 0;
        const inner = driver.faultyGpu({}, counts);
        const gpu = { ...inner, requestAdapter: (options) => ((devices += 1), inner.requestAdapter(options)) };
        const [first, second] = await Promise.all([driver.start({ gpu }), driver.start({ gpu })]);
        const models = [await driver.load(first, files, { selfTest: true, kernel: "exact" }), await driver.load(second, files, { selfTest: true, kernel: "exact" })];
        const together = await Promise.all([driver.embed(first, models[0], texts), driver.embed(second, models[1], texts)]);
        let lost;
        counts.device.lost.then(({ reason }) => (lost = reason));
        driver.end(first);
        await new Promise((resolve) => setTimeout(resolve, 200));
        const afterFirst = { lost, buffers: first.lease.buffers };
        const again = await driver.embed(second, models[1], texts);
        driver.end(second);
        await new Promise((resolve) => setTimeout(resolve, 200));
        const third = await driver.start({ gpu });
        driver.end(third);
        return { devices, afterFirst, lost, same: String(together[0]) === String(together[1]), cosine: driver.lowestCosine(again, together[0], models[1].info().dimension) };
      },
      { files: INT8, texts: TEXTS },
    );
    assert.deepEqual(report.afterFirst, { lost: undefined, buffers: 0 });
    assert.equal(report.lost, "destroyed");
    assert.ok(report.same && report.cosine > 0.9999, JSON.stringify(report));
    assert.equal(report.devices, 2); // one for both, one after they have ended
  });

  test("are all told that their device is lost, and the next lease has another device", async () => {
    const report = await inPage(
      async (driver, { files, texts }) => {
        const counts = {};
        const gpu = driver.faultyGpu({}, counts);
        const hosts = [await driver.start({ gpu }), await driver.start({ gpu })];
        const models = [await driver.load(hosts[0], files, { selfTest: true, kernel: "exact" }), await driver.load(hosts[1], files, { selfTest: true, kernel: "exact" })];
        counts.device.destroy();
        const codes = [];
        for (const [i, host] of hosts.entries()) codes.push(await driver.embed(host, models[i], texts).then(() => "none", (error) => error.code));
        const next = await driver.once({ gpu }, files, { selfTest: true, kernel: "exact" }, texts);
        hosts.forEach(driver.end);
        return { codes, failures: hosts.map(({ lease }) => lease.failure), next: next.code };
      },
      { files: INT8, texts: TEXTS },
    );
    assert.deepEqual(report.codes, ["GPU_FAILED", "GPU_FAILED"]);
    assert.ok(report.failures.every((failure) => failure.includes("lost")), String(report.failures));
    assert.equal(report.next, undefined);
  });

  test(`are freed ${LOADS} times and leave no buffer and no memory behind`, { timeout: LIMIT_MS }, async (t) => {
    // The shaders are compiled once, also for other instances: SwiftShader takes seconds for them.
    await inPage(
      async (driver, { files }) => {
        globalThis.counts = {};
        globalThis.shared = driver.faultyGpu({ isShared: true }, counts);
        globalThis.host = await driver.start({ gpu: shared }); // keeps the device open
        globalThis.first = await driver.load(host, files, { selfTest: true, kernel: "exact" });
      },
      { files: INT8 },
    );
    const state = () => inPage(() => ({ buffers: host.lease.buffers, live: counts.live, bytes: host.device.liveBytes(), memory: host.memory.buffer.byteLength }));
    const before = await state();
    // The first models embed a text, and then every tenth, because the checks before the first text take a second.
    for (let done = 0, next = 10; done < LOADS; next *= 10) {
      const loads = Math.min(next, LOADS) - done;
      const failed = await inPage(
        async (driver, { files, texts, done, loads }) => {
          for (let i = done; i < done + loads; i++) {
            const isUsed = i < 3 || i % 10 === 0;
            const result = await driver.once({ gpu: shared }, files, { selfTest: false, kernel: "exact" }, texts, Number(isUsed));
            if (result.code) return result;
            // In one instance too, where Rust frees the buffers.
            const model = await driver.load(host, files, { selfTest: false, kernel: "exact" });
            if (isUsed) await driver.embed(host, model, texts);
            model.free();
          }
        },
        { files: INT8, texts: TEXTS, done, loads },
      );
      assert.equal(failed, undefined, JSON.stringify(failed));
      done += loads;
      const { memory, ...left } = await state();
      t.diagnostic(`${done} loads: ${JSON.stringify(left)}, ${memory / 2 ** 20} MiB of WebAssembly memory`);
      assert.deepEqual({ ...left, memory: before.memory }, before);
      assert.ok(memory < 8 * 2 ** 20 && memory <= before.memory + 2 ** 20, `${memory} bytes of WebAssembly memory, ${before.memory} before`);
    }
    const left = await inPage((driver) => {
      first.free();
      const { buffers } = host.lease;
      const bytes = host.device.liveBytes();
      driver.end(host);
      return { buffers, bytes, live: counts.live };
    });
    assert.deepEqual(left, { buffers: 0, bytes: 0, live: 0 });
  });

  test("are refused for an emulated GPU unless it is allowed, and where there is none", async () => {
    const report = await inPage(async () => {
      const { leaseGpu } = await import("/pkg/lib/gpu-guard.js");
      const none = { requestAdapter: async () => null };
      const broken = { requestAdapter: () => navigator.gpu.requestAdapter().then((adapter) => ({ info: adapter.info, limits: adapter.limits, requestDevice: async () => { throw new Error("no device"); } })) };
      const refused = await leaseGpu({ gpu: broken, allowSoftware: true }).catch(({ code, message }) => ({ code, message }));
      const lease = await leaseGpu({ allowSoftware: true });
      const { info, options } = lease;
      lease.free();
      lease.free();
      await lease.wait();
      return {
        software: (await leaseGpu()) === undefined,
        absent: (await leaseGpu({ gpu: null, allowSoftware: true })) === undefined,
        none: (await leaseGpu({ gpu: none })) === undefined,
        refused,
        info,
        submissionMs: options.submissionMs,
      };
    });
    assert.ok(report.software && report.absent && report.none, JSON.stringify(report));
    assert.deepEqual(report.refused, { code: "GPU_FAILED", message: "the GPU cannot be used: no device" });
    assert.equal(report.submissionMs, 20, "the page draws between submissions");
    assert.equal(report.info.isSoftware, true);
    assert.match(report.info.name, /swiftshader/i);
  });
});
