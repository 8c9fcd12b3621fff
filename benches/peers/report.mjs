// Formats one host's result as text.
import { NOT_RUN, best, bestWay, textsPerSecond } from "./bars.mjs";
import { LENGTHS } from "./measure.mjs";
import { rerankTable } from "./rerank.mjs";
import { searchTables } from "./search/report.mjs";
import { drift, median, minimum } from "./statistics.mjs";
import { SYSTEMS } from "./systems.mjs";
import { megabytes, mib, short, table } from "./table.mjs";

/** Speeds of prototypes of the kernels in GMAC/s: the best of many runs in V8 on one machine. */
const PROTOTYPE = {
  "int8 exact": 35,
  "int8 relaxed i16": 47,
  "int8 relaxed i32": "22–38",
  "f32 exact": 5,
  "f32 relaxed": 20,
};
const INT8_PEERS = ["ort-int8", "ort-int8-optimised"];
const labelOf = (name) => SYSTEMS[name]?.label ?? name;
/** The ratio of last to first rounds above which a sample is marked as unsteady. */
const DRIFT = 1.15;

export function report({ name, version, models, kernels, endurance, workers, rerank, search, left, bars }) {
  const parts = [`== ${version}, one thread`];
  parts.push(
    Object.entries(left)
      .map(([system, why]) => `left out: ${labelOf(system)}: ${why}`)
      .join("\n"),
  );
  parts.push(factLines(Object.values(models)[0]?.facts ?? {}));
  for (const [model, result] of Object.entries(models)) parts.push(...modelParts(model, result));
  if (endurance) {
    const { count, early, late } = endurance;
    parts.push(
      `${count} texts in one instance (m3e-small): ${mib(early)} MiB after a hundred, ${mib(late)} MiB at the end`,
    );
  }
  if (workers) parts.push(workersTable(workers));
  if (rerank) parts.push(rerankTable(rerank));
  if (search) parts.push(searchTables(search));
  if (kernels) parts.push(kernelTable(kernels));
  if (bars.some(({ met }) => met !== undefined)) parts.push(`Bars, ${name}\n${barTable(bars)}`);
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

/** Lists the facts that each system reports. */
function factLines(facts) {
  const said = ([key, value]) => (typeof value === "string" ? `${key} ${value}` : undefined);
  return Object.entries(facts)
    .map(([name, own]) => `${labelOf(name)}: ${Object.entries(own).map(said).filter(Boolean).join(", ")}`)
    .join("\n");
}

function modelParts(model, { latency, loads, catalog, accuracy, agreement }) {
  const parts = [];
  if (latency)
    parts.push(
      `${model}: milliseconds a text, median (minimum) × onnxruntime-web's best int8\n${latencyTable(latency)}`,
    );
  if (catalog) parts.push(catalogTable(model, catalog));
  if (loads) parts.push(`${model}: load to first vector, wasm memory, bytes sent\n${loadTable(loads)}`);
  const alone = Object.entries(agreement).map(([name, checked]) => [name, checked.alone]);
  const cosines = accuracy ?? Object.fromEntries(alone);
  parts.push(accuracyTable(model, cosines));
  return parts;
}

function latencyTable(latency) {
  const names = Object.keys(SYSTEMS).filter((name) => LENGTHS.some((length) => latency[length]?.[name]));
  const rows = names.map((name) => [
    labelOf(name),
    ...LENGTHS.map((length) => {
      const samples = latency[length]?.[name];
      if (!samples) return "";
      const peer = best(latency[length], INT8_PEERS);
      const ratio = peer ? ` ×${short(median(samples) / median(peer.samples))}` : "";
      const moving = Math.max(drift(samples), 1 / drift(samples)) > DRIFT ? "~" : "";
      return `${moving}${short(median(samples))} (${short(minimum(samples))})${ratio}`;
    }),
  ]);
  const text = table([["", ...LENGTHS.map((length) => `${length} tokens`)], ...rows]);
  const rounds = Object.values(latency[LENGTHS[0]] ?? {})[0]?.length;
  const note = text.includes("~")
    ? `\n~ the first and the last rounds differ by more than ${Math.round((DRIFT - 1) * 100)} %`
    : "";
  return `${text}\n${rounds} rounds, the systems in turns; corom and transformers.js tokenize within their time${note}`;
}

function catalogTable(model, catalog) {
  const rates = textsPerSecond(catalog);
  const peer = bestWay(catalog, INT8_PEERS);
  const rows = Object.entries(rates).map(([way, rate]) => {
    const { name, batch } = catalog.ways[way];
    const how = batch === 0 ? "embed(texts)" : batch === 1 ? "one by one" : `padded batches of ${batch}`;
    return [labelOf(name), how, short(rate), peer ? `×${short(rate / peer.rate)}` : ""];
  });
  const heading = `${model}: a catalog of ${catalog.texts} titles, ${(catalog.tokens / catalog.texts).toFixed(1)} tokens each on average`;
  return `${heading}\n${table([["", "how", "texts a second", "× onnxruntime-web's best int8"], ...rows], { left: 2 })}`;
}

function workersTable({ texts, facts, ms }) {
  const rows = Object.entries(ms).map(([count, list]) => [
    `${count} ${count === "1" ? "worker" : "workers"}`,
    short((texts * 1000) / median(list)),
    short((texts * 1000) / minimum(list)),
    mib(facts[count].wasmMemory),
    `×${short(median(ms[1]) / median(list))}`,
  ]);
  const heading = ["", "texts a second, median", "best", "MiB of all", "× 1 worker"];
  const how = `embed(texts) of corom/worker, ${facts[1].kernel}, ${ms[1].length} rounds in turns`;
  return `m3e-small: a catalog of ${texts} titles\n${table([heading, ...rows])}\n${how}`;
}

function loadTable(loads) {
  const rows = Object.entries(loads).map(([name, { ms, memoryLoaded, memoryPeak, sent }]) => [
    labelOf(name),
    `${short(median(ms))} (${short(minimum(ms))})`,
    mib(memoryLoaded),
    mib(memoryPeak),
    ...(sent ? [megabytes(sent.wasmGzip), megabytes(sent.scriptGzip), megabytes(sent.model)] : []),
  ]);
  const sent = Object.values(loads).some((entry) => entry.sent);
  const heading = [
    "",
    "load, ms",
    "MiB then",
    "MiB at 128 tokens",
    ...(sent ? ["wasm, MB gzip", "script, MB gzip", "model, MB"] : []),
  ];
  const count = Object.values(loads)[0]?.ms.length;
  return `${table([heading, ...rows])}\nmedian (minimum) of ${count}, each in a new page or process`;
}

function accuracyTable(model, cosines) {
  const rows = Object.entries(cosines).map(([name, { texts, mean, worst }]) => [
    labelOf(name),
    texts,
    mean.toFixed(5),
    worst.toFixed(5),
  ]);
  return `${model}: cosine to native onnxruntime's f32, first row (CLS)\n${table([["", "texts", "mean", "worst"], ...rows])}`;
}

function kernelTable({ passing, results }) {
  const rows = results.map(({ name, shape, unit, best, median }) => {
    const prototype = unit === "GMAC/s" ? PROTOTYPE[name] : undefined;
    return [name, shape, short(best), short(median), unit, prototype];
  });
  const heading = ["", "", "best", "median", "", "prototype"];
  return `kernels alone (pass the self-check here: ${passing.join(", ")})\n${table([heading, ...rows], { left: 2 })}`;
}

/** Describes the machine before a run. */
export function machineLine({ cpu, cores, instructions, memoryGiB, system, load }) {
  const line = `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; ${instructions.join(" ") || "no special instructions"}`;
  const busy =
    load[0] > 0.5
      ? `\nother work is running on this machine (load ${load[0]}): times are longer and noisier`
      : "";
  return line + busy;
}

/** Lists the bars that were measured, then those that were not, with the reason. */
export function barTable(lines) {
  const measured = lines.filter(({ met }) => met !== undefined);
  const rows = measured.map(({ bar, limit, value, digits = 2, met, note }) => [
    met ? "met" : "MISSED",
    bar,
    limit,
    value.toFixed(digits),
    note ?? "",
  ]);
  const others = lines.filter(({ met }) => met === undefined);
  const elsewhere = others.filter(({ note }) => note !== NOT_RUN).map(({ bar, note }) => `not here: ${bar}: ${note}`);
  const left = others.length - elsewhere.length;
  if (left > 0) elsewhere.push(`${left} more belong to parts or systems that did not run`);
  return [table([["", "bar", "limit", "is", "note"], ...rows], { left: 5 }), ...elsewhere].join("\n");
}
