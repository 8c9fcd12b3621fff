// Detects leaks without looking at resident memory, which also grows by compilers and allocators: counts the WebAssembly
// memories that are alive, and judges how the live bytes of JavaScript grow over rounds of the same work.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
export const gc = runInNewContext("gc");

/** Collects garbage in several turns of the event loop, because finalizers and promises release more in between. */
export async function collectGarbage() {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Bytes that JavaScript holds on this thread after garbage collection: objects, buffers, WebAssembly memories. */
export async function liveBytes() {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A model's memory is larger. Node has a smaller one of its own, for HTTP. */
const MIN_MEMORY_BYTES = 1 << 20;
/** Every large WebAssembly memory that was exported on this thread since this module was imported. */
const memories = [];
const seen = new WeakSet();
const watch = (instance) => {
  const { memory } = instance.exports;
  if (!(memory?.buffer?.byteLength >= MIN_MEMORY_BYTES) || seen.has(memory)) return instance;
  seen.add(memory);
  memories.push(new WeakRef(memory));
  return instance;
};
const { instantiate, Instance } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const result = await instantiate(...args);
  watch(result instanceof Instance ? result : result.instance);
  return result;
};
WebAssembly.Instance = new Proxy(Instance, { construct: (target, args) => watch(new target(...args)) });

/** The number of WebAssembly memories that were created, and of those that are alive after garbage collection. */
export async function countMemories() {
  await collectGarbage();
  return { created: memories.length, alive: memories.filter((memory) => memory.deref()).length };
}

/** Waits until at most `count` WebAssembly memories are alive. Fails if more of them are still referenced. */
export async function untilMemories(count) {
  for (let tries = 0; ; tries++) {
    const { created, alive } = await countMemories();
    if (alive <= count) return;
    assert.ok(tries < 50, `${alive} of ${created} WebAssembly memories are alive; expected ${count}`);
  }
}

/** Returns the median of the slopes between all pairs of samples (Theil and Sen): a few odd samples do not move it. */
export function medianSlope(samples) {
  const slopes = [];
  for (let j = 1; j < samples.length; j++)
    for (let i = 0; i < j; i++) slopes.push((samples[j] - samples[i]) / (j - i));
  slopes.sort((a, b) => a - b);
  const middle = slopes.length >> 1;
  return slopes.length % 2 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2;
}

/**
 * Asserts that rounds of the same work do not make the live bytes grow by `limit` bytes per round or more. The limit is
 * what one round would leak at least if each of its calls leaked something. Caches fill in the first rounds, so
 * `warmUp` rounds come before the first sample.
 */
export async function assertSteady(work, { limit, rounds = 8, warmUp = 2, measure = liveBytes }) {
  for (let i = 0; i < warmUp; i++) await work();
  const samples = [await measure()];
  while (samples.length <= rounds) {
    await work();
    samples.push(await measure());
  }
  const growth = medianSlope(samples);
  const shown = samples.map((bytes) => ((bytes - samples[0]) / 1024).toFixed(0)).join(", ");
  assert.ok(growth < limit, `live memory grows by ${Math.round(growth)} bytes per round (KiB since the first: ${shown})`);
  return { growth, samples };
}
