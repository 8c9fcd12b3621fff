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
  test("bounds submissions by 100 ms where nothing is drawn", async () => {
    const lease = await leaseGpu({ gpu: gpuWith(fakeDevice()) });
    assert.equal(lease.options.submissionMs, 100);
    lease.free();
  });

  for (const [description, isSoftware] of [
    ["Microsoft Basic Render Driver", true],
    ["WARP", true],
    ["softpipe", true],
    ["Warped Graphics 9", false],
  ]) {
    test(`takes "${description}" ${isSoftware ? "" : "not "}for a GPU that the processor emulates`, async () => {
      const gpu = gpuWith(fakeDevice());
      gpu.adapter.info = { ...gpu.adapter.info, description };
      const lease = await leaseGpu({ gpu, allowSoftware: true });
      assert.equal(lease.info.isSoftware, isSoftware);
      lease.free();
    });
  }

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

describe("errors of a device", () => {
  /** Returns two leases of a device, and their devices as WebAssembly sees them. Buffers of size 9 are too large. */
  async function twoLeases(options) {
    const device = fakeDevice(options);
    device.createBuffer = ({ size }) => {
      if (size === 9) device.raise("out-of-memory", "no memory");
      return { size, destroy() {}, mapAsync: async () => {} };
    };
    device.createShaderModule = ({ code }) => code === "wrong" && device.raise("validation", "no shader");
    const gpu = gpuWith(device);
    const leases = await Promise.all([leaseGpu({ gpu }), leaseGpu({ gpu })]);
    const own = await Promise.all(
      leases.map(async ({ scope }) => (await scope.navigator.gpu.requestAdapter()).requestDevice()),
    );
    return { device, gpu, leases, own };
  }
  const failures = ({ leases }) => leases.map(({ failure }) => failure);

  test("end the lease whose calls cause them, and no other", async () => {
    const two = await twoLeases();
    const { own: [first, second], device, gpu, leases } = two;
    first.createBuffer({ size: 1 });
    second.createBuffer({ size: 9 });
    first.createBuffer({ size: 2 });
    await turn();
    assert.deepEqual([failures(two), device.scopes], [[undefined, "no memory"], []]);
    leases[1].free();
    assert.equal(device.destroyed, 0);
    const third = await leaseGpu({ gpu });
    first.createShaderModule({ code: "wrong" });
    await turn();
    assert.deepEqual([failures(two), third.failure], [["no shader", "no memory"], undefined], "the device is shared on");
  });

  test("that a call throws, too", async () => {
    const two = await twoLeases();
    two.device.createBindGroup = () => {
      throw new TypeError("no group");
    };
    two.own[0].createBindGroup({});
    assert.deepEqual(failures(two), ["no group", undefined]);
  });

  test("of no call, and its loss, end all leases", async () => {
    const two = await twoLeases();
    two.own[0].createBuffer({ size: 1 });
    await turn();
    two.device.raise("internal", "a bug");
    assert.deepEqual(failures(two), ["a bug", "a bug"]);
    const lost = await twoLeases();
    lost.device.lose();
    await turn();
    for (const [i, lease] of lost.leases.entries()) assert.deepEqual([/lost/.test(failures(lost)[i]), lease.isLost], [true, true]);
  });

  test("are known before a result can be read", async () => {
    let report;
    const two = await twoLeases({ popped: new Promise((resolve) => (report = resolve)) });
    const [device] = two.own;
    const results = device.createBuffer({ size: 8 });
    device.createBuffer({ size: 9 });
    const mapped = results.mapAsync().then(() => two.leases[0].failure);
    await turn();
    assert.equal(await Promise.race([mapped, turn().then(() => "pending")]), "pending");
    report();
    assert.equal(await mapped, "no memory");
  });

  test("are not waited for when a device cannot report them any more", async () => {
    const two = await twoLeases();
    for (const broken of [() => Promise.reject(new Error("lost")), () => { throw new Error("lost"); }]) {
      two.device.popErrorScope = broken;
      await two.own[0].createBuffer({ size: 8 }).mapAsync();
    }
    assert.deepEqual(failures(two), [undefined, undefined]);
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
