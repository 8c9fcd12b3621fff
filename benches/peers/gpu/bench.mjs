// Measures corom and onnxruntime-web on a GPU. `./build.sh bench --gpu` prepares the files and runs this.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ROOT, WORK } from "../hosts/files.mjs";
import { coromVersion, machine, packageVersion } from "../machine.mjs";
import { UsageError } from "../options.mjs";
import { measureDevice, measureModel } from "./measure.mjs";
import { GPU_USAGE, gpuOptionsFrom } from "./options.mjs";
import { gpuBars, gpuReport } from "./report.mjs";

const started = Date.now();
const say = (what) => console.error(`  [${Math.round((Date.now() - started) / 1000)} s] ${what}`);

// Imported when needed: a pack of gpu-machine.sh has no packages for browsers.
const HOSTS = {
  chromium: async ({ adapter }) => (await import("../hosts/chromium.mjs")).chromiumHost(process.env.CHROMIUM ?? "/usr/bin/chromium", adapter),
  node: async () => (await import("../hosts/node.mjs")).nodeHost({ webgpu: true }),
  native: async () => (await import("./native.mjs")).nativeHost(),
};

async function main(argv) {
  const options = gpuOptionsFrom(argv);
  const versions = { corom: coromVersion(), "onnxruntime-web": packageVersion("onnxruntime-web") };
  const result = { date: new Date().toISOString(), options, machine: machine(), versions, models: {} };
  const host = await HOSTS[options.host](options);
  const isOver = () => Date.now() - started > (options.minutes ?? Infinity) * 60_000;
  // Written after each size: a machine with a GPU may be there for some minutes only.
  const results = path.join(ROOT, "benches/results");
  const writeAll = (report) => {
    write(WORK, "gpu", report);
    if (options.save) write(results, `${result.date.slice(0, 10)}-gpu-${slug(result)}`, report);
  };
  try {
    result.host = host.version;
    say(host.version);
    result.device = await measureDevice(host, { say });
    for (const model of options.models) {
      const tell = (what) => say(`${model}: ${what}`);
      const keep = (measured) => {
        result.models[model] = measured;
        writeAll(finished(result));
      };
      await measureModel(host, model, result.device.adapter, { ...options, say: tell, keep, isOver });
    }
  } finally {
    await host.close();
  }
  const report = finished(result);
  console.log(`\n${report.text}`);
  writeAll(report);
  say(`written to target/bench/gpu.json and .md${options.save ? ", and to benches/results" : ""}`);
}

function finished(result) {
  result.bars = gpuBars(result.device, result.models);
  result.loadAtEnd = machine().load;
  return { result, text: gpuReport(result) };
}

/** Writes the samples as JSON and the report as Markdown. */
function write(folder, name, { result, text }) {
  const file = path.join(folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.json`, `${JSON.stringify(result, (key, value) => (typeof value === "number" ? rounded(value) : value), 1)}\n`);
  writeFileSync(`${file}.md`, text);
}

/** Returns a name of the GPU and the host for a file. */
function slug({ device: { adapter }, options }) {
  const name = adapter.description || `${adapter.vendor} ${adapter.architecture}`;
  const words = /swiftshader/i.test(`${name} ${adapter.architecture}`) ? "swiftshader" : name.toLowerCase();
  const short = words.replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return options.host === "chromium" ? short : `${short}-${options.host}`;
}

const rounded = (x) => (Number.isInteger(x) ? x : Number(x.toPrecision(7)));

main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof UsageError ? `${error.message}\n\n${GPU_USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
