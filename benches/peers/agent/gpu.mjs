// The GPU part of an agent: describes the adapter, measures its f32 peak and a product of corom's shader, and times cells of
// the table.
import { textSource } from "./inputs.mjs";
import { callsFor, takeTurns, warmUp } from "./timing.mjs";
import { peakRate } from "./gpu/peak.mjs";
import { productRate } from "./gpu/product.mjs";

/** Requests the adapter. Throws if the host has none. */
async function adapter() {
  const found = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!found) throw new Error("this host has no WebGPU adapter");
  return found;
}

/** Describes the adapter, or returns null. */
export async function gpuAdapter() {
  const found = await adapter().catch(() => null);
  if (!found) return null;
  const { vendor, architecture, device, description, isFallbackAdapter } = found.info;
  const language = [...(navigator.gpu.wgslLanguageFeatures ?? [])];
  return {
    vendor,
    architecture,
    device,
    description,
    isSoftware: Boolean(isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${description}`),
    hasHalfFloats: found.features.has("shader-f16"),
    hasPackedDot: language.includes("packed_4x8_integer_dot_product"),
    hasTimestamps: found.features.has("timestamp-query"),
  };
}

async function withDevice(work) {
  const device = await (await adapter()).requestDevice();
  try {
    return await work(device);
  } finally {
    device.destroy();
  }
}

/** Returns the f32 peak in GFLOP/s: `{ best, samples }`. */
export const gpuPeak = (rounds, sampleMs) => withDevice((device) => peakRate(device, rounds, sampleMs));

/** Returns the rate of a product in GFLOP/s: `{ best, samples }`. The result is checked first. */
export const gpuProduct = (shader, size, rounds) => withDevice((device) => productRate(device, shader, size, rounds));

/**
 * Returns milliseconds per call of `texts` texts of `tokens` tokens for each of `ways`, `{ name, time }`: one sample per round.
 * `time` embeds texts and returns the milliseconds. A way whose call takes longer than `limitMs` is returned in `slow`.
 */
export async function timeCell(ways, { texts, tokens, rounds, limitMs, budgetMs, warmMs, seed }, vocabulary) {
  const fresh = textSource(vocabulary, seed);
  const inputs = () => Array.from({ length: texts }, () => fresh(tokens));
  const calls = {};
  const slow = {};
  let estimate = 0;
  for (const { name, time } of ways) {
    // The first call of a shape may compile shaders.
    const first = await time(inputs());
    const second = first > limitMs ? await time(inputs()) : 0;
    if (second > limitMs) {
      slow[name] = second;
      continue;
    }
    const fastest = await warmUp(() => time(inputs()), { calls: 1, ms: Math.min(warmMs, limitMs) });
    calls[name] = callsFor(fastest);
    estimate += fastest * calls[name];
  }
  const timedWays = ways.filter(({ name }) => calls[name]);
  const count = Math.max(3, Math.min(rounds, Math.floor(budgetMs / Math.max(estimate, 1))));
  const ms = await takeTurns(
    timedWays.map(({ name }) => name),
    count,
    async (name) => {
      const { time } = timedWays.find((way) => way.name === name);
      let took = 0;
      for (let call = 0; call < calls[name]; call++) took += await time(inputs());
      return took / calls[name];
    },
  );
  return { ms, slow };
}
