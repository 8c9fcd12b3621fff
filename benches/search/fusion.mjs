// Tunes the weight of the semantic score in hybrid searches on half of a judged set, and reports on the other half:
//
//   node benches/search/fusion.mjs CATALOG QUERIES.json VECTORS.f32
//
// QUERIES is a list of `{ text, kind, grades }`, as examples/shop/generate.mjs writes it: the grade of each relevant id.
// VECTORS has the queries' vectors, little-endian floats. `corom embed` writes the same with a header, as .npy.
import { readFileSync } from "node:fs";
import { Catalog } from "../../pkg/search-node.js";

const TOP = 10;
/** The default `semanticRatio`. */
const DEFAULT = "0.30";
const RATIOS = Array.from({ length: 21 }, (_, i) => i / 20);
const [file, queryFile, vectorFile] = process.argv.slice(2);
if (!vectorFile) throw new Error("usage: node benches/search/fusion.mjs CATALOG QUERIES.json VECTORS.f32");

/** nDCG@10: gains of 2^grade − 1, discounted by log2(rank + 1). */
export function ndcg(ids, grades) {
  const gain = (grade = 0) => 2 ** grade - 1;
  const sum = (list) => list.reduce((total, grade, i) => total + gain(grade) / Math.log2(i + 2), 0);
  const best = sum(Object.values(grades).sort((a, b) => b - a).slice(0, TOP));
  return best === 0 ? 0 : sum(ids.map((id) => grades[id])) / best;
}

const shop = await Catalog.load(readFileSync(file));
const queries = JSON.parse(readFileSync(queryFile, "utf8"));
const bytes = readFileSync(vectorFile);
const { dimension } = shop.info.vectors;
const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const mean = (list) => list.reduce((total, x) => total + x, 0) / list.length;

const ways = {
  keyword: { mode: "keyword" },
  semantic: { mode: "semantic" },
  rrf: { mode: "hybrid", fusion: "rrf" },
  ...Object.fromEntries(RATIOS.map((semanticRatio) => [semanticRatio.toFixed(2), { mode: "hybrid", semanticRatio }])),
};
const scores = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
for (const [i, { text, grades }] of queries.entries()) {
  const vector = all.slice(i * dimension, (i + 1) * dimension);
  for (const [way, options] of Object.entries(ways)) {
    const given = { ...options, topK: TOP, highlight: false, exact: true };
    if (options.mode !== "keyword") given.vector = vector;
    const { hits } = await shop.search(text, given);
    scores[way].push(ndcg(hits.map(({ id }) => id), grades));
  }
}
shop.free();

/** Kinds alternate, so blocks of all kinds are halved. */
const half = (i) => Math.floor(i / 5) % 2;
const halves = { tuned: (i) => half(i) === 0, reported: (i) => half(i) === 1, all: () => true };
const of = (way, keeps) => mean(scores[way].filter((_, i) => keeps(i)));
const best = RATIOS.map((ratio) => ratio.toFixed(2)).sort((a, b) => of(b, halves.tuned) - of(a, halves.tuned))[0];
console.log(`best on the tuned half: ${best}`);
for (const [half, keeps] of Object.entries(halves)) {
  const row = ["keyword", "semantic", "rrf", DEFAULT, "0.50", best].map((way) => `${way} ${of(way, keeps).toFixed(4)}`);
  const leg = Math.max(of("keyword", keeps), of("semantic", keeps));
  if (of(DEFAULT, keeps) < leg) {
    console.log(`MISSED: ${half}: ${DEFAULT} is below the better leg`);
    process.exitCode = 1;
  }
  console.log(`${half.padEnd(9)} ${queries.filter((_, i) => keeps(i)).length} queries  ${row.join("  ")}`);
}
console.log("by ratio", RATIOS.map((ratio) => `${ratio.toFixed(2)}:${of(ratio.toFixed(2), halves.all).toFixed(3)}`).join(" "));
for (const name of new Set(queries.map((query) => query.kind))) {
  const keeps = (i) => queries[i].kind === name;
  console.log(`  ${String(name).padEnd(10)} ${["keyword", "semantic", "rrf", "0.30", "0.50", best, "0.70"].map((way) => `${way} ${of(way, keeps).toFixed(3)}`).join("  ")}`);
}
