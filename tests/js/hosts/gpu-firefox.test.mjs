// `device: "webgpu"` in headless Firefox, whose WebGPU Linux has behind settings, on Chromium's SwiftShader.
import assert from "node:assert/strict";
import { existsSync, realpathSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { serve } from "../../../www/serve.mjs";
import { CHROMIUM } from "../support/chromium.mjs";
import { scratch } from "../support/converter.mjs";
import { reportInFirefox, reportOf } from "../support/firefox.mjs";
import { FIXTURES, PKG } from "../support/paths.mjs";

const PAGE = `<!doctype html><title>corom</title><script type="module" src="/page.js"></script>`;

/** In a file, because the server's policy forbids inline scripts. */
const SCRIPT = `
  const send = (report) => fetch("/report", { method: "POST", body: JSON.stringify(report) });
  try {
    const { Corom } = await import("/pkg/browser.js");
    const texts = Array.from({ length: 12 }, (_, i) => "高腰阔腿裤 ".repeat(1 + (i % 4)) + i);
    const [gpu, cpu] = [await Corom.load("/model/", { device: "webgpu", quality: "float" }), await Corom.load("/model/", { quality: "float" })];
    const [a, b] = [await gpu.embed(texts), await cpu.embed(texts)];
    const dot = (x, y, at) => x.subarray(at, at + a.dimension).reduce((sum, value, i) => sum + value * y[at + i], 0);
    const cosines = texts.map((_, i) => i * a.dimension).map((at) => dot(a.data, b.data, at) / Math.sqrt(dot(a.data, a.data, at) * dot(b.data, b.data, at)));
    const { device, fallback } = gpu.info;
    const { leaseGpu } = await import("/pkg/lib/gpu-guard.js");
    const lease = await leaseGpu({ allowSoftware: true });
    const { queue, createCommandEncoder } = await (await lease.scope.navigator.gpu.requestAdapter()).requestDevice();
    const waits = [];
    for (let i = 0; i < 8; i++) {
      const began = performance.now();
      queue.submit([createCommandEncoder().finish()]);
      queue.onSubmittedWorkDone();
      await lease.wait();
      waits.push(performance.now() - began);
    }
    lease.free();
    await send({ agent: navigator.userAgent, device, fallback, cosine: Math.min(...cosines), waits });
  } catch (error) {
    await send({ error: String(error) + error.stack });
  }
`;

test("a model runs on the GPU in Firefox", async (t) => {
  const folder = scratch(t);
  writeFileSync(path.join(folder, "index.html"), PAGE);
  writeFileSync(path.join(folder, "page.js"), SCRIPT);
  const { server, address } = await serve({ "/": folder, "/pkg/": PKG, "/model/": path.join(FIXTURES, "bits/int8") });
  t.after(() => server.close().closeAllConnections());
  const driver = [path.dirname(realpathSync(CHROMIUM)), "/usr/lib/chromium", "/opt/google/chrome"]
    .map((place) => path.join(place, "vk_swiftshader_icd.json"))
    .find((file) => existsSync(file));
  assert.ok(driver, "Chromium's folder has no SwiftShader");
  const { agent, device, fallback, cosine, waits, error } = await reportInFirefox(t, address, reportOf(server), {
    settings: ["dom.webgpu.enabled", "gfx.webgpu.ignore-blocklist"],
    env: { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver },
  });
  assert.equal(error, undefined);
  assert.match(agent, /Firefox/);
  assert.deepEqual({ device, fallback }, { device: "webgpu", fallback: undefined });
  assert.ok(cosine > 0.99999, String(cosine));
  t.diagnostic(`${agent}: cosine ${cosine}, waits of ${waits.map(Math.round)} ms`);
  // The first one may begin just before Firefox looks for results, which it does every 100 ms.
  assert.ok(Math.min(...waits.slice(1)) < 50, String(waits));
});
