// Measures how much of its teacher's MRR@10 a distilled student keeps, over the vectors of titles that the teacher embedded.
//
//   node compare-student.mjs TEACHER STUDENT SHOP QUERIES
//
// TEACHER, STUDENT: model folders; SHOP: the folder of generate.mjs. QUERIES: lines of `id TAB text` with ids of the shop's
// queries, whose judged products of grade 3 are relevant; or lines of text, where the teacher's first product is.
import { readFileSync } from "node:fs";
import path from "node:path";
import { Corom } from "../../pkg/node.js";

const DEPTH = 10;
const FULL_GRADE = 3;

const [teacherFolder, studentFolder, shop, file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: node compare-student.mjs TEACHER STUDENT SHOP QUERIES");
  process.exit(2);
}
const linesOf = (name) => readFileSync(name, "utf8").trim().split("\n").map((line) => line.split("\t"));
const titles = linesOf(path.join(shop, "corpus.tsv"));
const judged = new Map(JSON.parse(readFileSync(path.join(shop, "queries.json"), "utf8")).map((query) => [query.id, query]));
const queries = linesOf(file).map(([id, text]) => (text === undefined ? { kind: "own", text: id } : judged.get(id)));
if (queries.includes(undefined)) {
  console.error(`${file}: it has an id that ${path.join(shop, "queries.json")} does not have; was the shop generated again?`);
  process.exit(1);
}

const rowsOf = (embeddings) => Array.from({ length: embeddings.rows }, (_, i) => embeddings.row(i));
const teacher = await Corom.load(teacherFolder, { quality: "exact" });
const student = await Corom.load(studentFolder, { quality: "exact" });
const documents = rowsOf(await teacher.embed(titles.map(([, title]) => title)));
const { metric } = teacher.info;

/** The ids of the nearest titles. */
function nearest(vector) {
  const score = (row) => {
    let product = 0;
    let length = 0;
    for (let i = 0; i < row.length; i++) {
      product += row[i] * vector[i];
      length += row[i] * row[i];
    }
    return metric === "cosine" ? product / Math.sqrt(length) : product;
  };
  const scored = documents.map((row, i) => ({ id: titles[i][0], score: score(row) }));
  return scored.sort((a, b) => b.score - a.score).slice(0, DEPTH).map(({ id }) => id);
}

const texts = queries.map(({ text }) => text);
const found = {};
for (const [name, model] of [["teacher", teacher], ["student", student]]) found[name] = rowsOf(await model.embed(texts)).map(nearest);

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
const results = queries.map(({ kind, grades }, i) => {
  const isRelevant = (id) => (grades === undefined ? id === found.teacher[i][0] : grades[id] === FULL_GRADE);
  const reciprocalRank = (ids) => (ids.some(isRelevant) ? 1 / (1 + ids.findIndex(isRelevant)) : 0);
  const same = found.student[i].filter((id) => found.teacher[i].includes(id)).length / DEPTH;
  return { kind, teacher: reciprocalRank(found.teacher[i]), student: reciprocalRank(found.student[i]), same };
});
console.log(`MRR@${DEPTH}, and the share of the teacher's first ${DEPTH} titles that the student finds`);
for (const kind of [...new Set(results.map((result) => result.kind)), "all"]) {
  const own = results.filter((result) => kind === "all" || result.kind === kind);
  const [of, by] = [mean(own.map((result) => result.teacher)), mean(own.map((result) => result.student))];
  const share = `${(100 * by / of).toFixed(1)} %`;
  console.log(`${kind}: ${own.length} queries, teacher ${of.toFixed(4)}, student ${by.toFixed(4)}, ${share}, same ${mean(own.map(({ same }) => same)).toFixed(3)}`);
}
teacher.free();
student.free();
