// Leases of a GPU (gpu-guard.js) with GPUs of the test that answer late, or never.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { leaseGpu } from "../../pkg/lib/gpu-guard.js";
import { fakeDevice, gpuWith, rejectsWith, turn } from "./support/fake-devices.mjs";

const never = () => new Promise(() => {});
const OPEN_LIMIT_MS = 60_000;

/** Lets the promises run, and the clock after them. */
async function pass(t, ms) {
  await turn();
  t.mock.timers.tick(ms);
  await turn();
}

describe("leaseGpu", () => {
  for (const [name, stuck] of [
    ["an adapter", (gpu) => (gpu.requestAdapter = never)],
    ["a device", (gpu) => (gpu.adapter.requestDevice = never)],
  ]) {
    test(`does not wait for ${name} without end, and asks again in the next load`, async (t) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const gpu = gpuWith(fakeDevice());
      const { requestAdapter } = gpu;
      const { requestDevice } = gpu.adapter;
      stuck(gpu);
      const leases = [leaseGpu({ gpu }), leaseGpu({ gpu })];
      const failing = leases.map((lease) => rejectsWith("GPU_FAILED", lease));
      await pass(t, OPEN_LIMIT_MS - 1);
      assert.equal(await Promise.race([...leases, turn().then(() => "pending")]), "pending");
      await pass(t, 1);
      await Promise.all(failing);
      Object.assign(gpu, { requestAdapter });
      Object.assign(gpu.adapter, { requestDevice });
      const lease = await leaseGpu({ gpu });
      assert.equal(lease.info.name, "acme rdna-9");
      lease.free();
    });
  }

  test("destroys a device that comes after the limit, and no other", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const [device, next] = [fakeDevice(), fakeDevice()];
    const gpu = gpuWith(next);
    const { requestDevice } = gpu.adapter;
    let answer;
    gpu.adapter.requestDevice = () => new Promise((resolve) => (answer = resolve));
    const failing = rejectsWith("GPU_FAILED", leaseGpu({ gpu }), "WebGPU opens no device");
    await pass(t, OPEN_LIMIT_MS);
    await failing;
    answer(device);
    await turn();
    gpu.adapter.requestDevice = requestDevice;
    const lease = await leaseGpu({ gpu });
    assert.deepEqual([device.destroyed, next.destroyed], [1, 0]);
    lease.free();
    assert.equal(next.destroyed, 1);
  });
});

test("an aborted lease rejects at once, and frees a lease that comes later", async () => {
  const device = fakeDevice();
  const gpu = gpuWith(device);
  let answer;
  gpu.adapter.requestDevice = () => new Promise((resolve) => (answer = resolve));
  const controller = new AbortController();
  const starting = leaseGpu({ gpu, signal: controller.signal });
  starting.catch(() => {});
  while (!answer) await turn();
  const reason = new Error("no longer wanted");
  controller.abort(reason);
  const pending = turn().then(() => turn()).then(() => "pending");
  assert.equal(await Promise.race([starting.catch((error) => error), pending]), reason);
  answer(device);
  await turn();
  assert.equal(device.destroyed, 1);
});
