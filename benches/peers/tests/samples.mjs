// A result of bench.mjs with numbers that are easy to check.

const rounds = (ms, count = 15) => Array.from({ length: count }, (_, i) => ms + (i % 3) * 0.1);

export function baseResult() {
  const at = (plain, relaxed, peer) => ({
    "corom-plain": rounds(plain),
    "corom-relaxed": rounds(relaxed),
    "ort-int8": rounds(peer + 5),
    "ort-int8-optimised": rounds(peer),
    transformers: rounds(peer + 10),
  });
  const load = (ms, mib) => ({
    ms: rounds(ms),
    memoryLoaded: mib * 2 ** 20,
    memoryPeak: mib * 2 ** 20,
    sent: { wasm: 8_000_000, wasmGzip: 2_500_000, script: 70_000, scriptGzip: 20_000, model: 102_000_000 },
  });
  return {
    facts: { "corom-plain": { simd: "plain", backend: "cpu", weightBytes: 1 } },
    agreement: { "corom-plain": { alone: { texts: 20, mean: 0.99985, worst: 0.9998 } } },
    latency: {
      8: at(20, 16, 40),
      16: at(40, 32, 80),
      32: at(80, 64, 160),
      64: at(180, 150, 320),
      128: at(420, 340, 650),
    },
    loads: { "corom-plain": load(900, 120), "corom-relaxed": load(1100, 130), "ort-int8": load(1000, 266) },
    catalog: {
      texts: 100,
      tokens: 2000,
      slices: [64, 36],
      ways: {
        "corom-plain": { name: "corom-plain", batch: 0 },
        "ort-int8": { name: "ort-int8", batch: 32 },
        "ort-int8, one by one": { name: "ort-int8", batch: 1 },
        transformers: { name: "transformers", batch: 32 },
      },
      ms: {
        "corom-plain": [600, 400],
        "ort-int8": [1500, 1000],
        "ort-int8, one by one": [900, 600],
        transformers: [1500, 1400],
      },
    },
  };
}
