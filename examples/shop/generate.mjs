// Writes a shop: products for `corom index build`, and judged queries for `corom eval`.
//
//   node generate.mjs OUT [--products N] [--queries N] [--seed N] [--query-seed N]
//
// OUT/items.jsonl, OUT/schema.json; OUT/corpus.tsv, OUT/queries.tsv, OUT/qrels.tsv (Multi-CPR's format, with grades);
// OUT/queries.json has each query's kind and grades, for the page.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { SCHEMA, SEED, products } from "./products.mjs";
import { grade, queries } from "./queries.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    products: { type: "string", default: "10000" },
    queries: { type: "string", default: "150" },
    seed: { type: "string", default: String(SEED) },
    "query-seed": { type: "string" },
  },
});
const [out] = positionals;
const numbers = Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)]));
if (out === undefined || positionals.length > 1 || !Object.values(numbers).every((n) => Number.isSafeInteger(n) && n > 0)) {
  console.error("usage: node generate.mjs OUT [--products N] [--queries N] [--seed N] [--query-seed N]");
  process.exit(2);
}

const { items, facts } = products(numbers.products, numbers.seed);
const judged = queries(facts, numbers.queries, numbers["query-seed"] ?? numbers.seed + 1).map(({ id, kind, text, wants }) => {
  const grades = Object.fromEntries(facts.map((fact, i) => [items[i].id, grade(wants, fact)]).filter(([, value]) => value > 0));
  return { id, kind, text, grades };
});

mkdirSync(out, { recursive: true });
const write = (name, text) => writeFileSync(path.join(out, name), text);
const lines = (list) => `${list.join("\n")}\n`;
write("items.jsonl", lines(items.map((item) => JSON.stringify(item))));
write("schema.json", `${JSON.stringify(SCHEMA, null, 2)}\n`);
write("corpus.tsv", lines(items.map(({ id, title }) => `${id}\t${title}`)));
write("queries.tsv", lines(judged.map(({ id, text }) => `${id}\t${text}`)));
write("qrels.tsv", lines(judged.flatMap(({ id, grades }) => Object.entries(grades).map(([item, value]) => `${id}\t0\t${item}\t${value}`))));
write("queries.json", `${JSON.stringify(judged)}\n`);
console.log(`${items.length} products, ${judged.length} queries in ${out}`);
