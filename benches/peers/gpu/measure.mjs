// Measures one model on a GPU: opens the systems, checks that they compute the model, and times every size.
import { readFileSync } from "node:fs";
import path from "node:path";
import { MODELS } from "../hosts/files.mjs";
import { agreementOf, referenceOf } from "../measure.mjs";
import { GPU_SYSTEMS } from "../systems.mjs";
import { TEXTS, TOKENS } from "./options.mjs";
import { productShaders } from "./wgsl.mjs";

/** The side of the product: small on a processor that emulates a GPU. */
const PRODUCT_SIZE = 2048;
const SOFTWARE_PRODUCT_SIZE = 512;
const PEAK_ROUNDS = 5;
const PEAK_SAMPLE_MS = 100;
/** The host's own message may be long. */
const REASON_LENGTH = 300;

/** The sizes of the table, small ones first. */
export const SIZES = TEXTS.flatMap((texts) => TOKENS.map((tokens) => ({ texts, tokens }))).sort(
  (a, b) => a.texts * a.tokens - b.texts * b.tokens || a.texts - b.texts,
);
export const sizeKey = ({ texts, tokens }) => `${texts}x${tokens}`;

/** Measures the adapter, its peak, and the product of corom's shader. */
export async function measureDevice(host, { say }) {
  const agent = await host.agent();
  try {
    const adapter = await agent.call("gpuAdapter");
    if (!adapter) throw new Error("WebGPU has no adapter here; --adapter swiftshader needs none");
    say(`adapter: ${adapter.description || `${adapter.vendor} ${adapter.architecture}`}`);
    say("f32 peak");
    const peak = await agent.call("gpuPeak", PEAK_ROUNDS, PEAK_SAMPLE_MS);
    const size = adapter.isSoftware ? SOFTWARE_PRODUCT_SIZE : PRODUCT_SIZE;
    const product = { size };
    for (const [variant, shader] of Object.entries(productShaders())) {
      say(`product of ${size}³, ${variant}`);
      product[variant] = await agent.call("gpuProduct", shader, size, PEAK_ROUNDS);
    }
    return { adapter, peak, product };
  } finally {
    await agent.close();
  }
}

/**
 * Measures one model. All systems are in one page or process, and take turns. `keep` is called with the result so far, and no
 * size begins once `isOver` returns true.
 */
export async function measureModel(host, model, adapter, options) {
  const { systems, say, keep, isOver } = options;
  const reference = referenceOf(model);
  const config = JSON.parse(readFileSync(path.join(MODELS, model, "corom-f32/config.json"), "utf8"));
  const result = { facts: {}, agreement: {}, left: {}, sizes: {}, config: shapeOf(config) };
  const checks = { ...reference, checks: reference.checks.slice(0, options.checks), titles: reference.titles.slice(0, options.checks) };
  const agent = await host.agent();
  const reasonOf = (error) => error.message.split("\n")[0].slice(0, REASON_LENGTH);
  const names = [];
  keep(result);
  try {
    for (const name of systems) {
      const { hosts, needsHalfFloats } = GPU_SYSTEMS[name];
      if (hosts && !hosts.includes(host.name)) continue;
      if (needsHalfFloats && !adapter.hasHalfFloats) {
        result.left[name] = "the adapter has no shader-f16";
        continue;
      }
      say(`opening and checking ${name}`);
      // A peer that cannot run its file is listed with the reason.
      const opened = await agent.call("open", host.place(model), [name]).catch((error) => {
        if (name.startsWith("corom-")) throw error;
        result.left[name] = `does not open: ${reasonOf(error)}`;
      });
      if (!opened) continue;
      result.facts[name] = opened[name];
      await rejectFallback(agent, name);
      // A peer's wrong vectors are a finding; corom's end the run.
      const agreement = await agreementOf(agent, name, checks).catch((error) => {
        if (name.startsWith("corom-")) throw error;
        result.left[name] = reasonOf(error);
      });
      if (!agreement) continue;
      result.agreement[name] = agreement;
      names.push(name);
    }
    for (const size of SIZES) {
      if (isOver()) {
        result.late = [...(result.late ?? []), sizeKey(size)];
        continue;
      }
      const [timed, left] = split(names, size, result.sizes, options.limitMs);
      say(`${size.texts} × ${size.tokens}: ${timed.length} systems`);
      const { rounds, limitMs, budgetMs } = options;
      const how = { ...size, rounds, limitMs, budgetMs, seed: SEED };
      const { ms, slow } = timed.length > 0 ? await agent.call("cell", timed, how, reference.vocabulary) : { ms: {}, slow: {} };
      result.sizes[sizeKey(size)] = { ...size, ms, slow: { ...left, ...slow } };
      keep(result);
    }
    for (const name of names) await rejectFallback(agent, name);
  } finally {
    await agent.close();
  }
  return result;
}

const SEED = 15;

/** Throws if the processor runs a system that was opened for a GPU: its times would be wrong figures. */
async function rejectFallback(agent, name) {
  const reason = GPU_SYSTEMS[name].isGpu ? await agent.call("fallbackOf", name) : null;
  if (reason) throw new Error(`${GPU_SYSTEMS[name].label} ran on the processor: ${reason}`);
}

/**
 * Splits systems into those to time at a size, and those whose call would take longer than the limit, with the expected
 * milliseconds by the largest size that was timed.
 */
export function split(names, { texts, tokens }, sizes, limitMs) {
  const timed = [];
  const left = {};
  for (const name of names) {
    const before = Object.values(sizes).filter(({ ms, slow }) => ms[name] || slow[name] !== undefined).at(-1);
    if (!before) {
      timed.push(name);
      continue;
    }
    const least = before.ms[name] ? Math.min(...before.ms[name]) : before.slow[name];
    const expected = (least * texts * tokens) / (before.texts * before.tokens);
    if (expected > limitMs) left[name] = expected;
    else timed.push(name);
  }
  return [timed, left];
}

const shapeOf = ({ num_hidden_layers, hidden_size, intermediate_size }) => ({
  layers: num_hidden_layers,
  hidden: hidden_size,
  intermediate: intermediate_size,
});

/**
 * Returns the floating-point operations of a forward whose last layer is only computed for the first row of each text, as
 * corom does. Products and attention count, and a multiplication and an addition are two.
 */
export function operationsOf({ layers, hidden, intermediate }, { texts, tokens }) {
  const row = 4 * hidden ** 2 + 2 * hidden * intermediate;
  const attention = (queries) => 2 * queries * tokens * hidden;
  const whole = tokens * row + attention(tokens);
  // The last layer: keys and values of all rows, everything else of the first row.
  const last = tokens * 2 * hidden ** 2 + (row - 2 * hidden ** 2) + attention(1);
  return 2 * texts * ((layers - 1) * whole + last);
}
