// Writes the files of a training from a shop that generate.mjs has written.
//
//   node training.mjs SHOP OUT
//
// OUT/train.queries.tsv, OUT/train.qrels.tsv: every second query, with the judgments "all that the customer wants" (grade
// 3); OUT/dev.queries.tsv, OUT/dev.qrels.tsv: the others, but those that are like one to train on: the same letters, or the
// same kind and the same products; OUT/texts.txt: all titles, and the queries to train on; OUT/tokenizer/vocab.txt: the
// characters of these texts, for a model with random weights.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { titleParts } from "./title-parts.mjs";

const [shop, out] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node training.mjs SHOP OUT");
  process.exit(2);
}
const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const FULL_GRADE = 3;
const PARTS_PER_TITLE = 6;
const SEED = 17;
const ASCII = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i).toLowerCase());

const judged = JSON.parse(readFileSync(path.join(shop, "queries.json"), "utf8"));
const titles = readFileSync(path.join(shop, "corpus.tsv"), "utf8").trim().split("\n").map((line) => line.split("\t")[1]);

mkdirSync(path.join(out, "tokenizer"), { recursive: true });
const write = (name, lines) => writeFileSync(path.join(out, name), `${lines.join("\n")}\n`);
const fullOf = ({ grades }) => Object.keys(grades).filter((item) => grades[item] === FULL_GRADE);
const train = judged.filter((_, i) => i % 2 === 0);
const lettersOf = (text) => text.toLowerCase().replace(/[-\s]/g, "");
/** Two queries that share one of these are alike. */
const marksOf = (query) => [lettersOf(query.text), `${query.kind} ${fullOf(query)}`];
const trained = new Set(train.flatMap(marksOf));
const dev = judged.filter((query, i) => i % 2 === 1 && !marksOf(query).some((mark) => trained.has(mark)));
for (const [part, queries] of [["train", train], ["dev", dev]]) {
  write(`${part}.queries.tsv`, queries.map(({ id, text }) => `${id}\t${text}`));
  const fits = (query) => fullOf(query).map((item) => `${query.id}\t0\t${item}\t1`);
  write(`${part}.qrels.tsv`, queries.flatMap(fits));
}
const texts = [...titles, ...train.map(({ text }) => text)];
write("texts.txt", texts);
const held = new Set(dev.map(({ text }) => lettersOf(text)));
const many = [...texts, ...titleParts(titles, PARTS_PER_TITLE, SEED)];
write("distill.txt", [...new Set(many)].filter((text) => !held.has(lettersOf(text))));

// BERT's tokenizer splits at spaces, punctuation and Chinese characters. The pieces of a word in Latin letters begin with ##.
const characters = new Set([...ASCII, ...texts.flatMap((text) => [...text.normalize("NFD").toLowerCase()])]);
characters.delete(" ");
const inWords = ASCII.filter((character) => /[a-z0-9]/.test(character));
const pieces = [...new Set(inWords)].map((character) => `##${character}`);
write("tokenizer/vocab.txt", [...SPECIAL, ...[...characters].sort(), ...pieces]);
console.log(`${train.length} queries to train on, ${dev.length} others, ${SPECIAL.length + characters.size + pieces.length} tokens in ${out}`);
