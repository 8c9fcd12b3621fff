// Runs in a page or a Node process on request: opens systems, embeds and times them. The systems of one agent take turns in
// the same engine and heap.
import { timeCell } from "./gpu.mjs";
import { wasmMemory } from "./memory.mjs";
import { textSource } from "./inputs.mjs";
import { callsFor, takeTurns, timed, warmUp } from "./timing.mjs";
import { systemOf } from "../systems.mjs";

export { gpuAdapter, gpuPeak, gpuProduct } from "./gpu.mjs";
export { rerank } from "./rerank.mjs";
export { firstHybrid, firstKeyword, largeCatalog, searchSystem } from "./search.mjs";
export { workers } from "./workers.mjs";

const opened = new Map();
const WARM_MS = 400;

async function openOne(place, name) {
  const { module, settings } = systemOf(name);
  const system = await (await import(`./systems/${module}.mjs`)).open(place, settings);
  opened.set(name, system);
  return system;
}

/** Opens systems one after the other and returns the facts of each. */
export async function open(place, names) {
  const facts = {};
  for (const name of names) facts[name] = (await openOne(place, name)).facts;
  return facts;
}

export async function knowsOption(place, option) {
  const { knowsOption } = await import("./systems/corom.mjs");
  return knowsOption(place, option);
}

/** Returns the time from before the library's import to the first vector, in an agent that has opened nothing yet. */
export async function firstVector(place, name, input) {
  let vector;
  const ms = await timed(async () => {
    [vector] = await (await openOne(place, name)).embed([input]);
  });
  return { ms, memory: wasmMemory(), vector: Array.from(vector) };
}

/** Embeds texts of all lengths and returns the wasm memory afterwards, which is its peak, because it never shrinks. */
export async function peakMemory(name, inputs) {
  const system = opened.get(name);
  for (const input of inputs) await system.embed([input]);
  return { memory: wasmMemory(), own: system.memory?.() };
}

/** Returns vectors of texts, one text per call or `batch` texts per call. */
export async function vectors(name, inputs, batch = 1) {
  const system = opened.get(name);
  const rows = [];
  for (let at = 0; at < inputs.length; at += batch) {
    for (const row of await system.embed(inputs.slice(at, at + batch))) rows.push(Array.from(row));
  }
  return rows;
}

/** Returns the token ids of systems with a tokenizer of their own; null for others. */
export async function tokenIds(name, texts) {
  const { tokenize } = opened.get(name);
  return tokenize ? Promise.all(texts.map(async (text) => Array.from(await tokenize(text)))) : null;
}

/** Returns milliseconds per text of `tokens` tokens, one text per call: one sample per round and system. */
export async function latency(names, tokens, rounds, vocabulary) {
  const fresh = textSource(vocabulary, tokens);
  const calls = {};
  for (const name of names) {
    const system = opened.get(name);
    calls[name] = callsFor(await warmUp(() => system.embed([fresh(tokens)]), { ms: WARM_MS }));
  }
  return takeTurns(names, rounds, async (name) => {
    const system = opened.get(name);
    const inputs = Array.from({ length: calls[name] }, () => fresh(tokens));
    const ms = await timed(async () => {
      for (const input of inputs) await system.embed([input]);
    });
    return ms / inputs.length;
  });
}

/**
 * A catalog, slice by slice: milliseconds of every slice for every way, which is `{ name, batch }`: a system and how
 * many texts it gets a call (0: the whole slice). `warm` are texts to begin with.
 */
export async function catalog(ways, slices, warm) {
  const embed = async ({ name, batch }, inputs) => {
    const system = opened.get(name);
    const step = batch || inputs.length;
    for (let at = 0; at < inputs.length; at += step) await system.embed(inputs.slice(at, at + step));
  };
  for (const way of Object.values(ways)) await warmUp(() => embed(way, warm), { calls: 1, ms: WARM_MS });
  return takeTurns(Object.keys(ways), slices.length, (key, round) => timed(() => embed(ways[key], slices[round])));
}

/** Times systems on texts of one length in one call. See `timeCell`. */
export function cell(names, sizes, vocabulary) {
  const ways = names.map((name) => ({ name, time: (inputs) => timed(() => opened.get(name).embed(inputs)) }));
  return timeCell(ways, { warmMs: WARM_MS, ...sizes }, vocabulary);
}

/** Returns why the processor runs a system that was opened for a GPU, or null. */
export const fallbackOf = (name) => opened.get(name).fallback?.() ?? null;

/** Embeds `count` texts in one instance and returns the wasm memory after the first hundred and at the end. */
export async function endurance(name, texts, count) {
  const system = opened.get(name);
  let early = 0;
  for (let done = 0; done < count;) {
    // Calls of a few texts and of one text.
    const size = Math.min(1 + (done % 7), count - done);
    await system.embed(Array.from({ length: size }, (_, i) => texts[(done + i) % texts.length]));
    done += size;
    if (early === 0 && done >= 100) early = wasmMemory();
  }
  return { count, early, late: wasmMemory() };
}
