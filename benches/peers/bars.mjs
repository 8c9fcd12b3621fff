// The limits that a release must keep ("bars"), compared with one host's result.
import { median, minimum, total } from "./statistics.mjs";
import { ROUNDS_THAT_COUNT } from "./options.mjs";
import { rerankBars } from "./rerank.mjs";
import { searchBars } from "./search/report.mjs";

const MIB = 2 ** 20;
/** The note of a bar if its part of the benchmark did not run. */
export const NOT_RUN = "not measured in this run";
const INT8_PEERS = ["ort-int8", "ort-int8-optimised"];
const COROMS = [
  ["plain", "corom-plain"],
  ["relaxed", "corom-relaxed"],
];
const LATENCY = {
  16: { plain: 0.55, relaxed: 0.45 },
  32: { plain: 0.55, relaxed: 0.45 },
  128: { plain: 0.6, relaxed: 0.5 },
};

/** Returns the fastest of some systems by median, as `{ name, samples }`; undefined if none was measured. */
export function best(samples, names) {
  const measured = names.filter((name) => samples?.[name]?.length > 0);
  if (measured.length === 0) return undefined;
  const [name] = measured.sort((a, b) => median(samples[a]) - median(samples[b]));
  return { name, samples: samples[name] };
}

/** Returns texts per second for each way through a catalog: all texts divided by the sum of the slices' times. */
export function textsPerSecond({ texts, ms }) {
  return Object.fromEntries(Object.entries(ms).map(([way, list]) => [way, (texts * 1000) / total(list)]));
}

/** Returns the fastest way that `fits` and whose system is among `names`. */
export function bestWay(catalog, names, fits = () => true) {
  const rates = textsPerSecond(catalog);
  return Object.keys(rates)
    .filter((way) => names.includes(catalog.ways[way].name) && fits(catalog.ways[way]))
    .map((way) => ({ way, rate: rates[way] }))
    .sort((a, b) => b.rate - a.rate)[0];
}

/** Returns lines `{ bar, limit, value, met, note }`. If a bar was not measured, `met` is undefined and `note` says why. */
export function bars(models, { endurance, workers, rerank, search } = {}) {
  const { base, "m3e-small": m3e } = models;
  return [
    ...latencyBars(base),
    ...catalogBars(base, "base"),
    ...catalogBars(m3e, "m3e-small"),
    ...accuracyBars(m3e),
    ...int4Bars(base, m3e),
    absent("f32 exact mode against PyTorch, every dialect", "≤ 1e-4", "./build.sh test checks it"),
    ...memoryBars(base, m3e),
    ...loadBars(base),
    ...binaryBars(base ?? m3e),
    ...enduranceBars(endurance),
    workersBar(workers),
    ...rerankBars(rerank),
    ...searchBars(search),
  ];
}

function latencyBars(base) {
  return Object.entries(LATENCY).flatMap(([length, limits]) =>
    COROMS.map(([kind, name]) => {
      const samples = base?.latency?.[length];
      return ratioBar(`base int8, ${length} tokens, ${kind}, × onnxruntime-web int8`, limits[kind], {
        samples: samples?.[name],
        against: best(samples, INT8_PEERS),
      });
    }),
  );
}

/** Returns the median of the rounds' ratios: other work on the machine slows both systems of a round. */
const paired = (a, b) => median(a.slice(0, b.length).map((x, round) => x / b[round]));

/** Returns the line of a ratio of medians that must be at most `limit`. */
function ratioBar(bar, limit, { samples, against }) {
  if (!samples || !against) return absent(bar, `≤ ${limit}`, NOT_RUN);
  const value = median(samples) / median(against.samples);
  const least = minimum(samples) / minimum(against.samples);
  const rounds = paired(samples, against.samples);
  const few = samples.length < ROUNDS_THAT_COUNT ? `; only ${samples.length} rounds` : "";
  const note = `minima ${least.toFixed(2)}, in pairs ${rounds.toFixed(2)}; to ${against.name}${few}`;
  return { bar, limit: `≤ ${limit}`, value, met: value <= limit, note };
}

function catalogBars(model, label) {
  const peers = [
    ["transformers.js", 3, ["transformers"]],
    ["onnxruntime-web int8", 2, INT8_PEERS],
  ];
  return peers.flatMap(([peer, limit, names]) =>
    COROMS.map(([kind, name]) => {
      const bar = `${label}, catalog, ${kind}, texts a second × ${peer}`;
      const catalog = model?.catalog;
      const own = catalog && bestWay(catalog, [name]);
      // The peers' documentation uses padded batches. The note has the ratio to single texts, which may be faster.
      const batched = catalog && bestWay(catalog, names, ({ batch }) => batch !== 1);
      if (!own || !batched) return absent(bar, `≥ ${limit}`, NOT_RUN);
      const value = own.rate / batched.rate;
      const single = bestWay(catalog, names, ({ batch }) => batch === 1);
      const note = `to its padded batches${single ? `; ${(own.rate / single.rate).toFixed(2)} to one by one` : ""}`;
      return { bar, limit: `≥ ${limit}`, value, met: value >= limit, note };
    }),
  );
}

function accuracyBars(m3e) {
  return cosineBars("m3e-small int8 to f32", m3e?.accuracy?.["corom-plain"], { mean: 0.9997, worst: 0.9993 });
}

function cosineBars(label, measured, limits) {
  return Object.entries(limits).map(([kind, limit]) => {
    const bar = `${label}, cosine ${kind}`;
    if (!measured) return absent(bar, `≥ ${limit}`, NOT_RUN);
    const few = measured.texts < 200 ? "; fewer than 200" : "";
    const value = measured[kind];
    return { bar, limit: `≥ ${limit}`, value, digits: 5, met: value >= limit, note: `${measured.texts} texts${few}` };
  });
}

function int4Bars(base, m3e) {
  const latency = [16, 32].map((length) => {
    const samples = base?.latency?.[length];
    return ratioBar(`base int4, ${length} tokens, × int8`, 1.4, {
      samples: samples?.["corom-int4"],
      against: best(samples, ["corom-plain"]),
    });
  });
  return [...cosineBars("m3e-small int4 to f32", m3e?.accuracy?.["corom-int4"], { mean: 0.98 }), ...latency];
}

function memoryBars(base, m3e) {
  const bars = [
    ["base int8, plain", base, "corom-plain", 125],
    ["base int8, relaxed", base, "corom-relaxed", 125],
    ["base int4", base, "corom-int4", 85],
    ["base int8 from one f32 file", base, "corom-one-file", 300],
    ["m3e-small int8 from one f32 file", m3e, "corom-one-file", 60],
  ];
  return bars.map(([kind, model, name, limit]) => {
    const bar = `${kind}, wasm memory peak, MiB`;
    const peak = model?.loads?.[name]?.memoryPeak;
    if (!peak) return absent(bar, `≤ ${limit}`, NOT_RUN);
    return {
      bar,
      limit: `≤ ${limit}`,
      value: peak / MIB,
      digits: 1,
      met: peak <= limit * MIB,
      note: "from load through 128 tokens",
    };
  });
}

function loadBars(base) {
  const peers = Object.fromEntries(INT8_PEERS.map((name) => [name, base?.loads?.[name]?.ms ?? []]));
  return COROMS.map(([kind, name]) =>
    ratioBar(`base int8, load to first vector, ${kind}, × onnxruntime-web int8`, 1, {
      samples: base?.loads?.[name]?.ms,
      against: best(peers, INT8_PEERS),
    }),
  );
}

function binaryBars(model) {
  return COROMS.map(([kind, name]) => {
    const bar = `binary, ${kind}, gzip, MB`;
    const sent = model?.loads?.[name]?.sent;
    if (!sent) return absent(bar, "≤ 2.6", "measured in Chromium, with the loads");
    const value = sent.wasmGzip / 1e6;
    return { bar, limit: "≤ 2.6", value, met: value <= 2.6, note: `${(sent.wasm / 1e6).toFixed(1)} MB unpacked` };
  });
}

function enduranceBars(endurance) {
  const bar = "texts in one instance, growth after the first hundred, MiB";
  if (!endurance) return [absent(bar, "≤ 1", "measured in Node, with m3e-small")];
  const { count, early, late } = endurance;
  const few = count < 20_000 ? "; fewer than 20000" : "";
  const value = (late - early) / MIB;
  return [
    {
      bar,
      limit: "≤ 1",
      value,
      met: value <= 1,
      note: `${count} texts${few}, ${(late / MIB).toFixed(1)} MiB at the end`,
    },
  ];
}

/** Returns the line of a catalog with two workers. It needs two cores that do nothing else. */
function workersBar(workers) {
  const bar = "m3e-small, catalog, texts a second with 2 workers × 1 worker";
  const limit = 1.8;
  if (!workers) return absent(bar, `≥ ${limit}`, NOT_RUN);
  const { 1: one, 2: two } = workers.ms;
  const value = median(one) / median(two);
  const note = `minima ${(minimum(one) / minimum(two)).toFixed(2)}, in pairs ${paired(one, two).toFixed(2)}; ${workers.texts} titles, ${one.length} rounds`;
  return { bar, limit: `≥ ${limit}`, value, met: value >= limit, note };
}

const absent = (bar, limit, note) => ({ bar, limit, note });
