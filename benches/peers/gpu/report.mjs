// Formats the result of `--gpu` as Markdown, and compares it with the limits that apply on a GPU.
import { median, minimum } from "../statistics.mjs";
import { GPU_SYSTEMS } from "../systems.mjs";
import { short } from "../table.mjs";
import { SIZES, operationsOf, sizeKey } from "./measure.mjs";

const PEERS = Object.keys(GPU_SYSTEMS).filter((name) => name.startsWith("ort-"));
const OWN = ["corom-gpu-exact", "corom-gpu-float", "corom-gpu-balanced"];
/** Returns whether a system's products are in integers. Balanced ones are where that is faster; `kernel` says it. */
const isInteger = (name, { kernel } = {}) => (kernel ? kernel !== "wgsl floats" : name === "corom-gpu-exact");
/** The least ratios to onnxruntime-web's best file, and the least shares of the f32 peak. */
const LIMITS = { batch: 1.5, integers: 2, single: 1.3, product: 0.4, forward: 0.3 };
const BATCH = "64x32";
const SINGLE = "1x16";

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** Returns a Markdown table. */
export function markdown([heading, ...rows]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** Returns the fastest of some systems at a size, by median, as `{ name, ms }`; undefined if none was timed. */
function fastest(size, names) {
  const timed = names.filter((name) => size?.ms[name]?.length > 0);
  if (timed.length === 0) return undefined;
  const [name] = timed.sort((a, b) => median(size.ms[a]) - median(size.ms[b]));
  return { name, ms: size.ms[name] };
}

/** Returns the table of one model: texts per second by median, and by the fastest round. A dash: a call is over the limit. */
export function modelTable({ sizes }) {
  const keys = SIZES.map(sizeKey).filter((key) => Object.keys(sizes[key]?.ms ?? {}).length > 0);
  const names = Object.keys(GPU_SYSTEMS).filter((name) => keys.some((key) => sizes[key].ms[name]));
  const cell = (name) => (key) => {
    const { texts, ms } = sizes[key];
    return ms[name] ? `${short((1000 * texts) / median(ms[name]))} (${short((1000 * texts) / minimum(ms[name]))})` : "–";
  };
  const ratio = (key) => {
    const [own, peer] = [fastest(sizes[key], OWN), fastest(sizes[key], PEERS)];
    return own && peer ? `×${short(median(peer.ms) / median(own.ms))}` : "–";
  };
  const rows = names.map((name) => [GPU_SYSTEMS[name].label, ...keys.map(cell(name))]);
  const heading = ["texts × tokens", ...keys.map((key) => `${sizes[key].texts} × ${sizes[key].tokens}`)];
  return markdown([heading, ...rows, ["corom's best on the GPU × onnxruntime-web's best", ...keys.map(ratio)]]);
}

/** Says which sizes were left out for every system, or returns nothing. */
function withoutLine({ sizes, late = [] }) {
  const named = (keys) => keys.map((key) => key.replace("x", " × ")).join(", ");
  const without = Object.keys(sizes).filter((key) => Object.keys(sizes[key].ms).length === 0);
  const lines = [];
  if (without.length > 0) lines.push(`Left out, because every call would take longer than the limit: ${named(without)}.`);
  if (late.length > 0) lines.push(`Not begun within the time of this run: ${named(late)}.`);
  return lines.join(" ");
}

/** Returns the lines of limits, as bars.mjs has them. On an emulated GPU nothing is judged. */
export function gpuBars({ adapter, peak, product }, models) {
  const judged = (line) => {
    if (line.value === undefined) return { ...line, note: "not measured in this run" };
    if (adapter.isSoftware) return { ...line, note: "an emulated GPU: recorded, not judged" };
    return { ...line, met: line.value >= Number(line.limit.slice(2)) };
  };
  const lines = Object.entries(models).flatMap(([model, { sizes, config, facts = {} }]) => {
    const integers = OWN.filter((name) => isInteger(name, facts[name]));
    const floats = OWN.filter((name) => !integers.includes(name));
    const ratio = (key, names) => {
      const [own, peer] = [fastest(sizes[key], names), fastest(sizes[key], PEERS)];
      return own && peer ? median(peer.ms) / median(own.ms) : undefined;
    };
    const size = sizes[BATCH];
    const float = size?.ms["corom-gpu-float"];
    const rate = float && operationsOf(config, size) / median(float) / 1e6;
    return [
      { bar: `${model}, 64 × 32, floats, × onnxruntime-web webgpu`, limit: `≥ ${LIMITS.batch}`, value: ratio(BATCH, floats) },
      { bar: `${model}, 64 × 32, integers, × onnxruntime-web webgpu`, limit: `≥ ${LIMITS.integers}`, value: ratio(BATCH, integers) },
      { bar: `${model}, 1 × 16, × onnxruntime-web webgpu`, limit: `≥ ${LIMITS.single}`, value: ratio(SINGLE, OWN) },
      { bar: `${model}, 64 × 32, f32, share of the f32 peak`, limit: `≥ ${LIMITS.forward}`, value: rate && rate / peak.best },
    ];
  });
  const best = Math.max(...variantsOf(product).map(([, { samples }]) => median(samples)));
  const share = { bar: `product of ${product.size}³, f32, share of the f32 peak`, limit: `≥ ${LIMITS.product}`, value: best / peak.best };
  return [share, ...lines].map(judged);
}

const variantsOf = ({ size, ...variants }) => Object.entries(variants);

/** Returns the table of rates and their shares of the peak. */
function rateTable({ peak, product }, models) {
  const rows = [[`peak of multiply-adds (${peak.form})`, short(median(peak.samples)), short(peak.best), ""]];
  const row = (label, samples) => rows.push([label, short(median(samples)), short(Math.max(...samples)), percent(median(samples) / peak.best)]);
  for (const [variant, { samples }] of variantsOf(product)) row(`product of ${product.size}³, ${variant}`, samples);
  for (const [model, { sizes, config }] of Object.entries(models)) {
    const size = sizes[BATCH];
    for (const name of Object.keys(GPU_SYSTEMS)) {
      const ms = GPU_SYSTEMS[name].isGpu && size?.ms[name];
      if (ms) row(`${model}, 64 × 32, ${GPU_SYSTEMS[name].label}`, ms.map((x) => operationsOf(config, size) / x / 1e6));
    }
  }
  return markdown([["on the GPU", "GFLOP/s, median", "best", "share of the peak"], ...rows]);
}

function barTable(bars) {
  const verdict = ({ met }) => (met === undefined ? "–" : met ? "met" : "missed");
  const rows = bars.map((line) => [line.bar, line.limit, line.value === undefined ? "–" : line.value.toFixed(2), verdict(line), line.note ?? ""]);
  return markdown([["limit", "at least", "measured", "", ""], ...rows]);
}

/** Returns the whole report. */
export function gpuReport({ date, machine, host, versions, device, models, bars, options }) {
  const { adapter } = device;
  const name = adapter.description || `${adapter.vendor} ${adapter.architecture}`.trim();
  const parts = [
    `# ${name}, ${date.slice(0, 10)}`,
    `${machine.cpu}, ${machine.cores} cores, load ${machine.load.join(", ")}; ${host}; corom ${versions.corom.commit}${options.testProfile ? " (binaries that are quick to build, larger and slower)" : ""}, onnxruntime-web ${versions["onnxruntime-web"]}.`,
    `shader-f16: ${adapter.hasHalfFloats ? "yes" : "no"}, packed integer products: ${adapter.hasPackedDot ? "yes" : "no"}.${adapter.isSoftware ? " The processor emulates this GPU, so these figures are recorded, not judged." : ""}`,
    rateTable(device, models),
    Object.values(models).some(({ sizes }) => sizes[BATCH]) &&
      "onnxruntime-web computes the last layer for every row, corom only for the row that it returns; the share of the peak counts corom's operations for both.",
  ];
  for (const [model, result] of Object.entries(models)) {
    const { layers, hidden } = result.config;
    parts.push(`## ${model} (${layers} × ${hidden})`);
    parts.push(
      `Texts per second, median (best) of up to ${options.rounds} rounds in turns. A dash: a call takes longer than ${options.limitMs / 1000} s. corom's times include tokenizing.`,
    );
    parts.push(modelTable(result), withoutLine(result));
    parts.push(factList(result));
  }
  parts.push("## Limits", barTable(bars));
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

/** Lists the least cosine and the facts of each system, and why others were left out. */
function factList({ facts, agreement, left }) {
  const said = (own) => Object.entries(own).filter(([, value]) => typeof value === "string" && value).map(([key, value]) => `${key} ${value}`);
  const lines = Object.entries(facts).map(([name, own]) => {
    const worst = agreement[name] ? `worst cosine to f32 ${Math.min(agreement[name].alone.worst, agreement[name].batched.worst).toFixed(5)}` : "";
    return `- ${GPU_SYSTEMS[name].label}: ${[worst, ...said(own)].filter(Boolean).join(", ")}`;
  });
  const without = Object.entries(left).map(([name, why]) => `- left out: ${GPU_SYSTEMS[name].label}: ${why}`);
  return [...lines, ...without].join("\n");
}
