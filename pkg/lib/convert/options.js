// Checks the options of `convert` and `inspect`. The Rust core checks names, such as those of poolings.
import { checkSignal, describeValue, optional, unexpected } from "../arguments.js";
import { invalid } from "../errors.js";
import { readOptions } from "../option-names.js";
import { checkWorker } from "../worker/options.js";

const CONVERT_OPTIONS = {
  out: undefined, // the host checks it
  dtype: "string",
  pooling: undefined,
  maxLength: "number",
  normalize: "boolean",
  from: "string",
  ignoreHead: "boolean",
  keepVocab: undefined,
  maxShardSize: "number",
  force: "boolean",
  onProgress: "function",
  signal: undefined,
  wasm: undefined,
  worker: undefined,
};
const INSPECT_OPTIONS = { check: "boolean", onLine: "function", signal: undefined, wasm: undefined, worker: undefined };
const RANGES = { maxLength: [2, 0xffffffff], maxShardSize: [1 << 16, 24 << 20] };

/** Returns `{ out, force, onProgress, signal, wasm, worker, core }`; `core` has the options of the Rust core. */
export function convertOptions(value) {
  const { out, force = false, onProgress, signal, wasm, worker, ...core } = typed(value, CONVERT_OPTIONS, "convert");
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const number = core[name];
    if (number !== undefined && !(Number.isInteger(number) && number >= least && number <= most)) {
      throw unexpected(name, number, `a whole number from ${least} to ${most}`);
    }
  }
  if (core.pooling !== undefined) core.pooling = poolings(core.pooling);
  if (core.keepVocab !== undefined) core.keepVocab = texts(core.keepVocab);
  return { out, force, onProgress, signal, wasm, worker, core };
}

/** Returns `{ check, onLine, signal, wasm, worker }`. */
export function inspectOptions(value) {
  return { check: false, ...typed(value, INSPECT_OPTIONS, "inspect") };
}

function typed(value, types, call) {
  const given = readOptions(value, Object.keys(types), { call });
  for (const [name, type] of Object.entries(types)) {
    if (type !== undefined && given[name] !== undefined && typeof given[name] !== type) {
      throw unexpected(name, given[name], `a ${type}`);
    }
  }
  optional(given.signal, checkSignal);
  checkWorker(given.worker);
  return given;
}

/** Returns the texts of an array. */
function texts(value) {
  if (!Array.isArray(value) || value.length === 0) throw unexpected("keepVocab", value, "a non-empty array of texts");
  const wrong = value.findIndex((text) => typeof text !== "string");
  if (wrong >= 0) throw unexpected(`keepVocab[${wrong}]`, value[wrong], "a text");
  return [...value];
}

/** Returns a list of names: `"cls"`, `"cls,mean"` and `["cls", "mean"]` are allowed. */
function poolings(value) {
  if (typeof value === "string") return value.split(",");
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return [...value];
  throw invalid(`pooling: got ${describeValue(value)}; expected a name or an array of names`);
}
