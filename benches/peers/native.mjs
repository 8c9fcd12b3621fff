// Measures native throughput: corom's library beside onnxruntime, on one and on two threads.
import { spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { MODELS, PEERS, WORK, modelParts } from "./hosts/files.mjs";
import { ROUNDS_THAT_COUNT } from "./options.mjs";
import { cosine, median, minimum } from "./statistics.mjs";
import { short, table } from "./table.mjs";

/** Tokens per padded batch of onnxruntime; 0 is one text at a time. Its best one counts, per number of threads. */
const PEER_BATCHES = [0, 64, 256];
const THREADS = [1, 2];
/** Texts per model: some seconds per way. */
const TITLES = { base: 96, "m3e-small": 384 };
/** Texts whose vectors are compared with the reference. */
const CHECKED = 20;
/** onnxruntime's AVX2 products of 8-bit weights saturate, so its vectors are worse than in WebAssembly or with VNNI. */
const MIN_COSINES = { exact: 0.97, relaxed: 0.97, ort: 0.5 };
/** The least part of onnxruntime's texts per second on one core, and the least gain of two cores. */
const LIMITS = { peer: 0.9, cores: 1.8 };

const LABELS = { exact: "corom exact", relaxed: "corom relaxed", ort: "onnxruntime int8" };

/** Measures one model. All ways take turns, each in a process of its own that has loaded the model. */
export async function measureNative(model, { rounds, reference, python, say }) {
  const files = modelParts(path.join(MODELS, model));
  const program = path.join(WORK, "native/release/corom-native-bench");
  const titles = reference.titles.slice(0, TITLES[model]);
  const texts = titles.map(({ text }) => text);
  const agents = {
    exact: agent(program, [files.int8, "exact"]),
    relaxed: agent(program, [files.int8, "relaxed"]),
    ort: agent(python, [path.join(PEERS, "prepare/native_peer.py"), files.onnxInt8, `${files.f32}/tokenizer.json`]),
  };
  try {
    const [instructions, , version] = [await agents.exact.start(), await agents.relaxed.start(), await agents.ort.start()];
    const cosines = {};
    for (const [name, one] of Object.entries(agents)) {
      for (const text of texts) await one.ask(`text ${text}`);
      await one.ask(name === "ort" ? "embed 1 256" : "embed 1");
      const checked = titles.slice(0, CHECKED);
      cosines[name] = await worstCosine(name, one, checked);
    }
    const cores = os.availableParallelism();
    const ways = waysOf(THREADS.filter((threads) => threads <= cores));
    const ms = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
    for (let round = 0; round < rounds; round++) {
      say(`native, ${model}: round ${round + 1} of ${rounds}`);
      for (const [way, { name, command }] of turns(Object.entries(ways), round)) {
        ms[way].push(Number(await agents[name].ask(command)));
      }
    }
    const tokens = titles.reduce((sum, { ids }) => sum + ids.length, 0);
    return { texts: texts.length, tokens, instructions, onnxruntime: version, cosines, ways, ms };
  } finally {
    await Promise.all(Object.values(agents).map((one) => one.close()));
  }
}

function waysOf(threadCounts) {
  const ways = {};
  for (const threads of threadCounts) {
    for (const name of ["exact", "relaxed"]) ways[`${name}, ${threads}`] = { name, threads, command: `embed ${threads}` };
    for (const batch of PEER_BATCHES) {
      ways[`ort, ${threads}, ${batch}`] = { name: "ort", threads, batch, command: `embed ${threads} ${batch}` };
    }
  }
  return ways;
}

/** Begins with another way each round. */
const turns = (list, round) => list.map((_, i) => list[(i + round) % list.length]);

/** Starts a program that answers each command with a line. */
function agent(program, args) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, "close");
  child.stdin.on("error", () => {}); // the line below reports that the program has ended
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${path.basename(program)} ended early (its message is above)`);
    return value;
  };
  return {
    start: next,
    ask(command) {
      child.stdin.write(`${command}\n`);
      return next();
    },
    async close() {
      child.stdin.end();
      await exited.catch(() => {});
    },
  };
}

/** Returns the lowest cosine of some vectors to their references. Throws if the program does not compute the model. */
async function worstCosine(name, one, checked) {
  const cosines = [];
  for (const [number, { text, vector }] of checked.entries()) {
    const got = JSON.parse(await one.ask(`vector ${number}`));
    const value = got.length === vector.length ? cosine(got, vector) : NaN;
    if (!(value >= MIN_COSINES[name])) {
      throw new Error(`${LABELS[name]} does not compute the model: '${text}' has cosine ${value} to the reference; expected at least ${MIN_COSINES[name]}`);
    }
    cosines.push(value);
  }
  return minimum(cosines);
}

/** Returns the way of onnxruntime with the smallest median on a number of threads. */
function bestPeer({ ways, ms }, threads) {
  const peers = Object.keys(ways).filter((way) => ways[way].name === "ort" && ways[way].threads === threads);
  return peers.sort((a, b) => median(ms[a]) - median(ms[b]))[0];
}

/** Returns the ratio of two lists of times by medians, with a note of the minima and of the pairs of one round. */
function ratio(slow, fast) {
  const pairs = median(slow.map((ms, round) => ms / fast[round]));
  const few = slow.length < ROUNDS_THAT_COUNT ? `; only ${slow.length} rounds` : "";
  const note = `minima ${(minimum(slow) / minimum(fast)).toFixed(2)}, in pairs ${pairs.toFixed(2)}${few}`;
  return { value: median(slow) / median(fast), note };
}

/** Returns the lines of bars of all models; see bars.mjs. */
export function nativeBars(models) {
  return Object.entries(models).flatMap(([model, result]) => {
    const { ms, instructions } = result;
    const [one, two] = THREADS.map((threads) => bestPeer(result, threads));
    return ["exact", "relaxed"].flatMap((name) => {
      const own = ms[`${name}, 1`];
      const peer = ratio(ms[one], own);
      const bars = [
        {
          bar: `${model} int8, ${name} (${instructions}), texts per second of one core, × onnxruntime`,
          limit: `≥ ${LIMITS.peer}`,
          met: peer.value >= LIMITS.peer,
          value: peer.value,
          note: `${peer.note}; to ${one}`,
        },
      ];
      const bar = `${model} int8, ${name}, texts per second of two threads, × one thread`;
      if (two === undefined) return [...bars, { bar, limit: `≥ ${LIMITS.cores}`, note: "needs two cores" }];
      const gain = ratio(own, ms[`${name}, 2`]);
      return [...bars, { bar, limit: `≥ ${LIMITS.cores}`, met: gain.value >= LIMITS.cores, ...gain }];
    });
  });
}

/** Formats the result of a model as a table. */
export function nativeTable(model, result) {
  const { texts, tokens, ways, ms, cosines, instructions, onnxruntime } = result;
  const rows = Object.entries(ways).map(([way, { name, threads, batch }]) => {
    const peer = bestPeer(result, threads);
    const how = batch === undefined ? "embed(texts)" : batch === 0 ? "one by one" : `padded, ${batch} tokens`;
    const rate = (list) => short((texts * 1000) / list);
    return [
      LABELS[name],
      how,
      threads,
      rate(median(ms[way])),
      rate(minimum(ms[way])),
      `×${short(median(ms[peer]) / median(ms[way]))}`,
      cosines[name].toFixed(5),
    ];
  });
  const heading = ["", "how", "threads", "texts/s, median", "best", "× onnxruntime's best", "worst cosine"];
  const title = `${model}, native: ${texts} titles, ${(tokens / texts).toFixed(1)} tokens each on average, tokenizing included`;
  const rounds = Object.values(ms)[0].length;
  return `${title}\n${table([heading, ...rows], { left: 2 })}\n${rounds} rounds in turns; corom with ${instructions}, onnxruntime ${onnxruntime}`;
}
