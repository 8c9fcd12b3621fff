// Measures one model in one host: opens the systems, checks that they compute the model, and times them.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { agreement } from "./agreement.mjs";
import { MODELS, modelParts } from "./hosts/files.mjs";
import { SYSTEMS } from "./systems.mjs";

export const LENGTHS = [8, 16, 32, 64, 128];
/** Texts per call of a catalog for a peer: a padded batch, as in the peers' documentation. */
const PEER_BATCH = 32;
/** Texts of a catalog that a system embeds per turn. */
const SLICE = 64;
/** The numbers of workers that are compared. */
const WORKER_COUNTS = [1, 2];
/** Titles that are checked before anything is timed, alone and as one padded batch; texts of every length are checked too. */
const CHECKED_TITLES = 10;
/** Slow systems without bars: they get fewer loads and no catalog. */
const SLOW = new Set(["tract-unfused", "ort-f32", "corom-one-file"]);
const SLOW_LOADS = 3;

/** Returns the systems that run in this host, and why others do not: `{ names, left: { name: why } }`. */
export async function choose(host, model, wanted) {
  const [names, left] = [[], {}];
  const parts = modelParts(path.join(MODELS, model));
  let probe;
  for (const name of wanted) {
    const { hosts, needs, option } = SYSTEMS[name];
    if (hosts && !hosts.includes(host.name))
      left[name] = "only in a browser: in Node it runs onnxruntime-node, native code";
    else if (needs && !existsSync(parts[needs]))
      left[name] = `there is no ${needs} model: the converter does not write it`;
    else {
      if (option) probe ??= await host.agent();
      if (option && !(await probe.call("knowsOption", host.place(model), option))) {
        left[name] = `this corom has no load option '${option}'`;
      } else names.push(name);
    }
  }
  await probe?.close();
  return { names, left };
}

export function referenceOf(model) {
  const reference = JSON.parse(readFileSync(path.join(MODELS, model, "reference.json"), "utf8"));
  const { characters, character_ids, special_ids, ...rest } = reference;
  return { ...rest, vocabulary: { characters, character_ids, special_ids } };
}

/** Measures the time to the first vector, the bytes sent and the peak memory, in a new page or process per load. */
export async function measureLoads(host, model, names, { loads, reference, say }) {
  const result = Object.fromEntries(names.map((name) => [name, { ms: [] }]));
  const input = reference.checks.find(({ ids }) => ids.length === 16);
  const lengths = LENGTHS.map((length) => reference.checks.find(({ ids }) => ids.length === length));
  for (let round = 0; round < loads; round++) {
    say(`load, round ${round + 1} of ${loads}`);
    for (const name of names.filter((name) => round < SLOW_LOADS || !SLOW.has(name))) {
      const agent = await host.agent();
      try {
        host.sent?.();
        const { ms, memory, vector } = await agent.call("firstVector", host.place(model), name, input);
        const entry = result[name];
        entry.ms.push(ms);
        if (round > 0) continue;
        agreement(name, [{ ...input, got: vector }]);
        entry.sent = host.sent?.();
        entry.memoryLoaded = memory;
        const peak = await agent.call("peakMemory", name, lengths);
        // corom's own figure and the one of agent/memory.mjs must agree; Node has a small memory of its own.
        if (peak.own !== undefined && Math.abs(peak.memory - peak.own) > 1 << 20) {
          throw new Error(`${name} reports ${peak.own} bytes of wasm memory, but ${peak.memory} bytes were created`);
        }
        entry.memoryPeak = peak.own ?? peak.memory;
      } finally {
        await agent.close();
      }
    }
  }
  return result;
}

/** Opens all systems in one page or process and runs `tasks` there. */
export async function measureTogether(host, model, names, tasks) {
  const { reference, rounds, say } = tasks;
  const agent = await host.agent();
  const result = {};
  try {
    say(`opening ${names.length} systems`);
    result.facts = await agent.call("open", host.place(model), names);
    say("do they agree?");
    result.agreement = {};
    for (const name of names) result.agreement[name] = await agreementOf(agent, name, reference);
    if (tasks.latency) {
      result.latency = {};
      for (const length of LENGTHS) {
        say(`latency, ${length} tokens`);
        result.latency[length] = await agent.call("latency", names, length, rounds, reference.vocabulary);
      }
    }
    if (tasks.catalog) result.catalog = await measureCatalog(agent, names, tasks);
    if (tasks.accuracy) result.accuracy = await measureAccuracy(agent, names, tasks);
  } finally {
    await agent.close();
  }
  return result;
}

export async function agreementOf(agent, name, reference) {
  const titles = reference.titles.slice(0, CHECKED_TITLES);
  const checked = async (inputs, batch) => {
    const got = await agent.call("vectors", name, inputs, batch);
    const ids = await agent.call(
      "tokenIds",
      name,
      inputs.map(({ text }) => text),
    );
    return agreement(
      name,
      inputs.map((input, i) => ({ ...input, got: got[i], gotIds: ids?.[i] })),
    );
  };
  return { alone: await checked([...reference.checks, ...titles], 1), batched: await checked(titles, titles.length) };
}

async function measureCatalog(agent, names, { reference, titles, say }) {
  const ways = {};
  for (const name of names) {
    if (SLOW.has(name)) continue;
    const own = SYSTEMS[name].module === "corom";
    ways[name] = { name, batch: own ? 0 : PEER_BATCH };
    // The other way to use a peer: one text per call, without padding.
    if (!own) ways[`${name}, one by one`] = { name, batch: 1 };
  }
  const texts = reference.titles.slice(0, titles).map(({ text, ids }) => ({ text, ids }));
  const slices = [];
  for (let at = 0; at < texts.length; at += SLICE) slices.push(texts.slice(at, at + SLICE));
  say(`catalog of ${texts.length} titles, ${Object.keys(ways).length} ways`);
  const warm = [...texts].reverse().slice(0, PEER_BATCH);
  const ms = await agent.call("catalog", ways, slices, warm);
  const tokens = texts.reduce((sum, { ids }) => sum + ids.length, 0);
  return { texts: texts.length, tokens, slices: slices.map((slice) => slice.length), ways, ms };
}

/** Returns the cosines of titles' vectors to the f32 reference; each text is embedded alone. */
async function measureAccuracy(agent, names, { reference, accuracy, say }) {
  const inputs = reference.titles.slice(0, accuracy);
  say(`accuracy on ${inputs.length} titles`);
  const result = {};
  for (const name of names.filter((name) => !SLOW.has(name))) {
    const got = await agent.call("vectors", name, inputs);
    result[name] = agreement(
      name,
      inputs.map((input, i) => ({ ...input, got: got[i] })),
    );
  }
  return result;
}

/** Measures a catalog with one worker and with several, in a new page or process. */
export async function measureWorkers(host, model, { titles, workerRounds, reference, say }) {
  const texts = reference.titles.slice(0, titles).map(({ text }) => text);
  say(`catalog of ${texts.length} titles with ${WORKER_COUNTS.join(" and ")} workers`);
  const agent = await host.agent();
  try {
    return await agent.call("workers", host.place(model), texts, WORKER_COUNTS, workerRounds);
  } finally {
    await agent.close();
  }
}

export async function measureEndurance(host, model, name, { endurance, reference, say }) {
  say(`${endurance} texts in one instance`);
  const agent = await host.agent();
  try {
    await agent.call("open", host.place(model), [name]);
    const texts = reference.titles.map(({ text, ids }) => ({ text, ids }));
    return await agent.call("endurance", name, texts, endurance);
  } finally {
    await agent.close();
  }
}
