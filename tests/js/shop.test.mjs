// examples/shop: the generator makes the same shop from the same seed, and its judgements follow from the products.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { AUDIENCES, COLORS, FEATURES } from "../../examples/shop/features.mjs";
import { products } from "../../examples/shop/products.mjs";
import { KINDS, grade, queries } from "../../examples/shop/queries.mjs";
import { titleParts } from "../../examples/shop/title-parts.mjs";
import { TYPES } from "../../examples/shop/types.mjs";
import { scratch } from "./support/converter.mjs";
import { ROOT } from "./support/paths.mjs";

test("a seed gives the same shop, and another seed another one", () => {
  const { items, facts } = products(2000, 5);
  assert.deepEqual(products(2000, 5).items, items);
  assert.notDeepEqual(products(2000, 6).items, items);
  assert.deepEqual([items.length, facts.length, new Set(items.map(({ id }) => id)).size], [2000, 2000, 2000]);
  assert.deepEqual(products(500, 5).items, items.slice(0, 500));
  for (const { price, sales, rating, title } of items) assert.ok(price > 0 && sales >= 0 && rating >= 3 && rating <= 5 && title.length > 3);
  assert.ok(new Set(items.map(({ group }) => group)).size < 1500);
});

test("no title has a customer's words", () => {
  const said = [...TYPES.flatMap(({ say }) => say), ...Object.values(FEATURES).flat().map(([, say]) => say), ...COLORS.map(({ say }) => say)];
  const people = Object.values(AUDIENCES).flat().map(([, say]) => say);
  for (const { title } of products(5000).items) {
    for (const words of [...said, ...people]) assert.ok(!title.includes(words), `${title}: ${words}`);
  }
});

test("every query has products that fit it whole, and other products have lower grades", () => {
  const { facts } = products(5000);
  const made = queries(facts, 150, 1);
  assert.equal(made.length, 150);
  assert.deepEqual(new Set(made.map(({ kind }) => kind)), new Set(KINDS));
  for (const { text, wants, kind } of made) {
    const grades = facts.map((fact) => grade(wants, fact));
    assert.ok(grades.includes(3), text);
    assert.ok(grades.filter((value) => value === 0).length > 4000, text);
    if (kind === "variant" && wants.color && wants.size) assert.ok(grades.includes(1) || grades.includes(2), text);
    for (const [i, fact] of facts.entries()) if (wants.type && fact.type !== wants.type) assert.equal(grades[i], 0);
  }
});

test("the command writes the files of corom index and corom eval", (t) => {
  const folder = path.join(scratch(t), "shop");
  const script = path.join(ROOT, "examples/shop/generate.mjs");
  const run = spawnSync(process.execPath, [script, folder, "--products", "300", "--queries", "20"], { encoding: "utf8" });
  assert.deepEqual([run.status, run.stderr], [0, ""]);
  const lines = (name) => readFileSync(path.join(folder, name), "utf8").trimEnd().split("\n");
  assert.deepEqual(["items.jsonl", "corpus.tsv", "queries.tsv"].map((name) => lines(name).length), [300, 300, 20]);
  const ids = new Set(lines("items.jsonl").map((line) => JSON.parse(line).id));
  for (const line of lines("qrels.tsv")) {
    const [query, zero, item, value] = line.split("\t");
    assert.ok(/^q\d+$/.test(query) && zero === "0" && ids.has(item) && value >= 1 && value <= 3, line);
  }
  assert.equal(spawnSync(process.execPath, [script], { encoding: "utf8" }).status, 2);
});

test("parts of titles: the same for a seed, each once, made of the title's characters", () => {
  const titles = products(200).items.map(({ title }) => title);
  const parts = titleParts(titles, 4, 9);
  assert.deepEqual(titleParts(titles, 4, 9), parts);
  assert.notDeepEqual(titleParts(titles, 4, 10), parts);
  assert.ok(parts.length > 600 && parts.length <= 1000 && new Set(parts).size === parts.length, `${parts.length}`);
  const letters = (text) => [...text.toLowerCase()].filter((character) => /[\p{L}\p{N}]/u.test(character));
  const known = new Set(letters(titles.join("")));
  for (const part of parts) assert.ok(letters(part).every((letter) => known.has(letter)), part);
  assert.deepEqual(titleParts(["便携 AB-12C"], 0, 1).map((part) => part.toLowerCase().replace("-", "")), ["ab12c"]);
});

test("the files of a training keep the queries that measure it out; a model keeps all of its own MRR", (t) => {
  const folder = scratch(t);
  const run = (name, ...args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(ROOT, "examples/shop", name), ...args], { encoding: "utf8" });
    assert.deepEqual([status, stderr], [0, ""]);
    return stdout;
  };
  const [shop, training] = [path.join(folder, "shop"), path.join(folder, "training")];
  run("generate.mjs", shop, "--products", "150", "--queries", "120");
  run("training.mjs", shop, training);
  const lines = (name) => readFileSync(path.join(training, name), "utf8").trimEnd().split("\n");
  const letters = (text) => text.toLowerCase().replace(/[-\s]/g, "");
  const held = new Set(lines("dev.queries.tsv").map((line) => letters(line.split("\t")[1])));
  assert.ok(held.size > 10 && lines("distill.txt").length > 700);
  for (const text of lines("distill.txt")) assert.ok(!held.has(letters(text)), text);
  const nano = path.join(ROOT, "pkg/models/nano");
  const judged = run("compare-student.mjs", nano, nano, shop, path.join(training, "dev.queries.tsv"));
  assert.match(judged, /^all: \d+ queries, teacher (0\.\d+), student \1, 100\.0 %, same 1\.000$/m);
  const own = run("compare-student.mjs", nano, nano, shop, path.join(ROOT, "examples/shop/own-queries.txt"));
  assert.match(own, /^own: 155 queries, teacher 1\.0000, student 1\.0000, 100\.0 %, same 1\.000$/m);
});
