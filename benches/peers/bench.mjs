// Compares corom with its peers. `./build.sh bench` prepares the files and runs this; CHROMIUM is the browser.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bars } from "./bars.mjs";
import { chromiumHost } from "./hosts/chromium.mjs";
import { ROOT, WORK } from "./hosts/files.mjs";
import { nodeHost } from "./hosts/node.mjs";
import { measureKernels } from "./kernels.mjs";
import { machine, versions } from "./machine.mjs";
import { choose, measureEndurance, measureLoads, measureTogether, measureWorkers, referenceOf } from "./measure.mjs";
import { measureNative, nativeBars, nativeTable } from "./native.mjs";
import { USAGE, UsageError, hostsWanted, modelsPrepared, modelsWanted, optionsFrom } from "./options.mjs";
import { barTable, machineLine, report } from "./report.mjs";
import { measureRerank } from "./rerank.mjs";
import { measureSearch } from "./search/measure.mjs";
import { SYSTEMS } from "./systems.mjs";

const started = Date.now();
const say = (what) => console.error(`  [${Math.round((Date.now() - started) / 1000)} s] ${what}`);

async function main(argv) {
  const options = optionsFrom(argv);
  const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const result = { date: new Date().toISOString(), options, machine: machine(), versions: versions(), hosts: {} };
  console.log(machineLine(result.machine));
  for (const name of hostsWanted(options)) {
    const host = name === "chromium" ? await chromiumHost(chromium) : await nodeHost();
    try {
      result.hosts[name] = await measureHost(host, options, chromium);
    } finally {
      await host.close();
    }
    console.log(`\n${report(result.hosts[name])}`);
  }
  if (options.parts.includes("native")) result.native = await measureNatively(options);
  result.loadAtEnd = machine().load;
  keep(result, options);
}

/** Measures the library in native programs. BENCH_PYTHON has onnxruntime. */
async function measureNatively(options) {
  const python = process.env.BENCH_PYTHON ?? "python3";
  const models = {};
  for (const model of modelsPrepared(options)) {
    models[model] = await measureNative(model, { ...options, python, say, reference: referenceOf(model) });
    console.log(`\n${nativeTable(model, models[model])}`);
  }
  const lines = nativeBars(models);
  console.log(`\nBars, native\n${barTable(lines)}\n`);
  return { models, bars: lines };
}

async function measureHost(host, options, chromium) {
  const measured = { name: host.name, version: host.version, models: {}, left: {}, bars: [] };
  say(`${host.version}`);
  for (const { model, latency, catalog, workers } of modelsWanted(options)) {
    const tell = (what) => say(`${host.name}, ${model}: ${what}`);
    if (workers) {
      const tasks = { ...options, say: tell, reference: referenceOf(model) };
      measured.workers = await measureWorkers(host, model, tasks);
    }
    if (!latency && !catalog) continue;
    const { names, left } = await choose(host, model, options.systems);
    Object.assign(measured.left, left);
    const small = model === "m3e-small";
    const tasks = { ...options, say: tell, reference: referenceOf(model), latency, catalog };
    tasks.accuracy = latency && small ? options.accuracy : 0;
    const loads = latency ? await measureLoads(host, model, names, tasks) : undefined;
    const timed = names.filter((name) => !SYSTEMS[name].loadsOnly);
    measured.models[model] = { loads, ...(await measureTogether(host, model, timed, tasks)) };
    const endures = names.find((name) => name === "corom-plain");
    if (latency && small && host.name === "node" && endures) {
      measured.endurance = await measureEndurance(host, model, endures, tasks);
    }
  }
  if (options.parts.includes("rerank")) {
    const tell = (what) => say(`${host.name}, reranker: ${what}`);
    measured.rerank = await measureRerank(host, options.systems, { ...options, say: tell });
  }
  if (options.parts.includes("search")) {
    const tell = (what) => say(`${host.name}, search: ${what}`);
    measured.search = await measureSearch(host, { ...options, say: tell });
  }
  if (options.parts.includes("kernels")) measured.kernels = measureKernels(host, { ...options, chromium, say });
  measured.bars = bars(measured.models, measured);
  return measured;
}

/** Writes the result, and with --save also a dated copy. */
function keep(result, { save }) {
  const text = `${JSON.stringify(result, (key, value) => (typeof value === "number" ? rounded(value) : value), 1)}\n`;
  const file = path.join(WORK, "result.json");
  mkdirSync(WORK, { recursive: true });
  writeFileSync(file, text);
  console.log(`written to ${path.relative(ROOT, file)}`);
  if (!save) return;
  const copy = path.join(ROOT, "benches/results", `${result.date.slice(0, 10)}.json`);
  mkdirSync(path.dirname(copy), { recursive: true });
  writeFileSync(copy, text);
  console.log(`kept as ${path.relative(ROOT, copy)}`);
}

const rounded = (x) => (Number.isInteger(x) ? x : Number(x.toPrecision(7)));

main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
