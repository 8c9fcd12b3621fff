// Finds the GPU of a host.
import { delay } from "../abort.js";
import { messageOf } from "../errors.js";

/** Time that WebGPU gets to answer, and if a GPU is required: other pages may have it busy. */
const LIMIT_MS = 6000;
const REQUIRED_LIMIT_MS = 60_000;
/** Limits in which GPUs differ. */
const LIMITS = ["maxBufferSize", "maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup", "maxTextureDimension2D"];
/** Names of GPUs that the processor emulates, for browsers that do not say it. */
const EMULATED = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/**
 * Returns `{ gpu, name, id, isEmulated }`: WebGPU's entry, the GPU's name, a text that differs between GPUs, and whether
 * the processor emulates it. Without a GPU, returns `{ reason }`. `given` is the option `advanced.gpu`. Nothing of this
 * package is fetched.
 */
export async function findGpu(host, { given, isRequired } = {}) {
  if (!host.binaries.gpu) return { reason: "this entry of corom has no GPU binary; import corom or corom/worker" };
  const name = given ? "advanced.gpu" : "WebGPU";
  try {
    const gpu = given ?? (await host.gpu?.());
    if (!gpu) return { reason: `this host has no WebGPU${host.gpuAdvice ?? ""}` };
    const asked = gpu.requestAdapter({ powerPreference: "high-performance" });
    const adapter = await withinLimit(asked, isRequired ? REQUIRED_LIMIT_MS : LIMIT_MS);
    if (adapter === undefined) return { reason: `${name} does not answer` };
    if (!adapter) return { reason: `${name} finds no GPU here: none, a blocked driver, or it is turned off` };
    return describe(gpu, adapter);
  } catch (cause) {
    return { reason: `${name} cannot be used: ${messageOf(cause)}` };
  }
}

/** Resolves as the promise does, or to undefined after a time. */
async function withinLimit(promise, limitMs) {
  const answered = new AbortController();
  try {
    return await Promise.race([promise, delay(limitMs, answered.signal)]);
  } finally {
    answered.abort();
  }
}

/** Returns whether the processor emulates a GPU. `texts` has what the browser says about it. */
export const isEmulatedAdapter = (adapter, texts) =>
  adapter.info?.isFallbackAdapter === true || adapter.isFallbackAdapter === true || EMULATED.test(texts);

function describe(gpu, adapter) {
  const { vendor = "", architecture = "", device = "", description = "" } = adapter.info ?? {};
  const name = description || [vendor, architecture, device].filter(Boolean).join(" ") || "GPU";
  const texts = [vendor, architecture, device, description].join("/");
  const isEmulated = isEmulatedAdapter(adapter, texts);
  // Some browsers hide the names.
  const limits = LIMITS.map((limit) => adapter.limits?.[limit]);
  return { gpu, name, id: [texts, ...limits].join("/"), isEmulated };
}

/** Returns the values of the option `device` that a host has, the one that `auto` prefers first. */
export async function devicesOf(host) {
  const { gpu, isEmulated } = await findGpu(host);
  if (!gpu) return ["wasm"];
  return isEmulated ? ["wasm", "webgpu"] : ["webgpu", "wasm"];
}
