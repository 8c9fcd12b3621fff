// Measures the reranking of a query's documents in one host, and judges it.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROUNDS_THAT_COUNT } from "./options.mjs";
import { MODELS } from "./hosts/files.mjs";
import { median, minimum } from "./statistics.mjs";
import { RERANKERS } from "./systems.mjs";
import { short, table } from "./table.mjs";

export const MODEL = "reranker";
/** Pairs per call, and those after which the first reordered answer comes. */
const PAIRS = 20;
const FIRST_PAIRS = 5;
/** Pairs per run of a peer: its best one counts. */
const PEER_BATCHES = [1, 2, 5, 10, 20];
/** The largest difference of an int8 logit to f32. */
const MAX_LOGIT_ERROR = 0.1;
const LIMITS = { "corom-relaxed": 0.5 };

/** Measures the systems in turns, in one page or process, after a check that they compute the model. */
export async function measureRerank(host, wanted, { rounds, say }) {
  const names = Object.keys(RERANKERS).filter((name) => wanted.includes(name));
  const reference = JSON.parse(readFileSync(path.join(MODELS, MODEL, "reference.json"), "utf8"));
  const tokens = reference.checks[0].ids.length;
  const ways = {};
  for (const name of names) {
    if (RERANKERS[name].module === "corom-reranker") ways[name] = { name };
    else for (const batch of PEER_BATCHES) ways[`${name}, ${batch} at a time`] = { name, batch };
  }
  say(`${PAIRS} pairs of ${tokens} tokens, ${Object.keys(ways).length} ways`);
  const agent = await host.agent();
  try {
    const plan = { ways, count: PAIRS, first: FIRST_PAIRS, rounds, reference };
    const { facts, logits, ids, samples } = await agent.call("rerank", host.place(MODEL), names, plan);
    const errors = Object.fromEntries(names.map((name) => [name, checkLogits(name, reference.checks, logits[name], ids[name])]));
    return { pairs: PAIRS, first: FIRST_PAIRS, tokens, facts, ways, samples, errors };
  } finally {
    await agent.close();
  }
}

/** Returns the largest error of a system's logits. Throws if it does not compute the model. */
export function checkLogits(name, checks, logits, ids) {
  const { label } = RERANKERS[name];
  const errors = checks.map(({ query, document, logit, ids: due }, i) => {
    if (ids[i] && String(ids[i]) !== String(due)) throw new Error(`${label}: '${query}' and '${document}' have tokens ${ids[i]}; expected ${due}`);
    const error = Math.abs(logits[i] - logit);
    if (!(error <= MAX_LOGIT_ERROR)) throw new Error(`${label} does not compute the model: '${query}' and '${document}' have the logit ${logits[i]}; expected ${logit}`);
    return error;
  });
  return Math.max(...errors);
}

const times = (samples, key = "ms") => samples.map((sample) => sample[key]);
/** Returns the way of a peer with the smallest median. */
const bestPeer = ({ ways, samples }) =>
  Object.keys(samples)
    .filter((way) => ways[way].batch !== undefined)
    .sort((a, b) => median(times(samples[a])) - median(times(samples[b])))[0];

/** Returns the lines of bars; see bars.mjs. */
export function rerankBars(rerank) {
  return Object.entries(LIMITS).map(([name, limit]) => {
    const bar = `reranker base int8, 20 pairs of 43 tokens, ${name.replace("corom-", "")}, × onnxruntime-web int8`;
    const peer = rerank && bestPeer(rerank);
    const own = rerank?.samples[name];
    if (!own || !peer) return { bar, limit: `≤ ${limit}`, note: "not measured in this run" };
    const [mine, theirs] = [times(own), times(rerank.samples[peer])];
    const value = median(mine) / median(theirs);
    const pairs = median(mine.map((ms, round) => ms / theirs[round]));
    const few = mine.length < ROUNDS_THAT_COUNT ? `; only ${mine.length} rounds` : "";
    const note = `minima ${(minimum(mine) / minimum(theirs)).toFixed(2)}, in pairs ${pairs.toFixed(2)}; to ${peer}${few}`;
    return { bar, limit: `≤ ${limit}`, value, met: value <= limit, note };
  });
}

/** Formats the result as a table. */
export function rerankTable(rerank) {
  const { pairs, first, tokens, ways, samples, errors } = rerank;
  const peer = bestPeer(rerank);
  const rows = Object.entries(samples).map(([way, list]) => {
    const { name, batch } = ways[way];
    const [ms, firstMs] = [times(list), times(list, "firstMs")];
    const ratio = peer ? `×${short(median(ms) / median(times(samples[peer])))}` : "";
    const how = batch === undefined ? "rerank(query, documents)" : `${batch} at a time`;
    return [RERANKERS[name].label, how, `${short(median(ms))} (${short(minimum(ms))})`, ratio, short(median(firstMs)), errors[name].toFixed(4)];
  });
  const heading = ["", "how", "ms, median (minimum)", "× onnxruntime-web's best", `ms until ${first} are scored`, "logit error"];
  return `reranker, base int8: ${pairs} pairs of ${tokens} tokens\n${table([heading, ...rows], { left: 2 })}\n${samples[Object.keys(samples)[0]].length} rounds, the systems in turns`;
}
