// Measures how well each mode of search finds the judged products of a shop: nDCG@10, and the share of queries without a
// result.
//
//   node evaluate.mjs SHOP CATALOG MODEL [--reranker DIR]
//
// SHOP: the folder of generate.mjs; CATALOG: that of `corom index build`. CATALOG/evaluation.json is what the page shows.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Corom, CoromReranker } from "../../pkg/node.js";
import { Catalog } from "../../pkg/search-node.js";
import { ndcg } from "./ndcg.mjs";
import { KINDS } from "./queries.mjs";

const DEPTH = 10;
const MODES = ["keyword", "semantic", "hybrid"];

const { positionals, values } = parseArgs({ allowPositionals: true, options: { reranker: { type: "string" } } });
if (positionals.length !== 3) {
  console.error("usage: node evaluate.mjs SHOP CATALOG MODEL [--reranker DIR]");
  process.exit(2);
}
const [shop, folder, model] = positionals;
const queries = JSON.parse(readFileSync(path.join(shop, "queries.json"), "utf8"));
const catalog = (await Catalog.load(folder)).attach(await Corom.load(model));
if (values.reranker !== undefined) catalog.attach(await CoromReranker.load(values.reranker));

const modes = [...MODES, ...(values.reranker === undefined ? [] : ["rerank"])];
const results = [];
for (const { kind, text, grades } of queries) {
  for (const mode of modes) {
    const options = mode === "rerank" ? { mode: "hybrid", rerank: { depth: 50 } } : { mode };
    const { hits } = await catalog.search(text, { ...options, topK: DEPTH });
    const found = hits.map(({ id }) => grades[id] ?? 0);
    results.push({ kind, mode, ndcg: ndcg(found, Object.values(grades), DEPTH), isEmpty: hits.length === 0 });
  }
}

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
const rows = [...KINDS, "all"].map((kind) => ({
  kind,
  values: modes.map((mode) => {
    const own = results.filter((result) => result.mode === mode && (kind === "all" || result.kind === kind));
    return { ndcg: mean(own.map(({ ndcg: value }) => value)), zero: mean(own.map(({ isEmpty }) => Number(isEmpty))) };
  }),
}));
writeFileSync(path.join(folder, "evaluation.json"), JSON.stringify({ queries: queries.length, modes, rows }));

console.log(`nDCG@${DEPTH} (queries without a result) of ${queries.length} queries`);
console.log(["", ...modes].map((name) => name.padEnd(16)).join(""));
for (const { kind, values: cells } of rows) {
  const shown = cells.map(({ ndcg: value, zero }) => `${value.toFixed(3)} (${Math.round(100 * zero)} %)`);
  console.log([kind, ...shown].map((text) => text.padEnd(16)).join(""));
}
catalog.free();
process.exit(0);
