// `corom inspect`.
import { readFileSync } from "node:fs";
import path from "node:path";
import { inspect } from "../../convert-node.js";
import { Corom } from "../../node.js";
import { folderOf } from "./nano.js";

/** Prints what a model folder is, and checks its files. */
export async function run({ positionals: [given], values: { check } }, signal) {
  const folder = folderOf(given);
  let isFirst = true;
  const onLine = (line) => {
    if (isFirst) process.stdout.write(`${folder}\n`);
    isFirst = false;
    process.stdout.write(`  ${line}\n`);
  };
  try {
    await inspect(folder, { check, onLine, signal });
  } catch (error) {
    // The converter runs recognized graphs only.
    if (error?.code !== "NEEDS_UNFUSED") throw error;
    for (const line of await linesOfExport(folder, signal)) onLine(line);
  }
  if (check) process.stdout.write("  no second opinion: tract-onnx is in the native command only\n");
}

/** Loads another tool's folder as a page does. Returns the lines of `inspect`, with the words of src/convert/inspect.rs. */
async function linesOfExport(folder, signal) {
  const corom = await Corom.load(folder, { signal });
  const { layers, heads, vocabSize, dtype, fused, precision, dimension, settings } = corom.info;
  corom.free();
  const rows = [
    ["written by", "another tool: there is no corom.json"],
    ["encoder", `${layers} layers × ${hiddenSize(folder) ?? dimension}, ${heads} heads, vocabulary ${vocabSize}`],
    ["dtype", dtype],
    ["runs", `${fused ? "fused" : "unfused"} in ${precision}`],
    ["dimension", dimension],
    ...settings.map(({ setting, value, source }) => [setting, `${textOf(value)}  (by ${source})`]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(13)} ${value}`);
}

const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function hiddenSize(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, "config.json"), "utf8").replace(/^\ufeff/, "")).hidden_size;
  } catch {
    return undefined; // config.json lies elsewhere
  }
}
