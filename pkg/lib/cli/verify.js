// `corom verify`: compares a model with the numbers that its model card prints, in the words of the native command.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Corom, CoromReranker } from "../../node.js";
import { CoromError, invalid, messageOf } from "../errors.js";
import { folderOf } from "./nano.js";
import { readNumbers } from "./numbers.js";

/** The numbers of CoROM's model cards: in the published package, and in a checkout. */
const PUBLISHED = ["./published.json", "../../../src/bin/corom/verify/published.json"].map((file) => new URL(file, import.meta.url));
/** The largest difference that rounded weights explain, in parts of numbers above 1. */
const TOLERANCES = { int8: 0.05, int4: 0.2 };
const EXACT_TOLERANCE = 1e-3;

/** Prints which numbers agree. Throws SELF_TEST_FAILED if one does not. */
export async function run({ positionals: [given], values }, signal) {
  const folder = folderOf(given);
  const examples = readNumbers(values.numbers ?? PUBLISHED.find((file) => existsSync(file)) ?? PUBLISHED[0]);
  const model = await load(folder, signal);
  try {
    const task = model instanceof CoromReranker ? "rerank" : "embed";
    const hidden = hiddenSize(folder);
    const fitting = examples.filter((one) => one.task === task && (one.hidden_size ?? hidden) === hidden);
    if (fitting.length === 0) throw noNumbers(examples, task, hidden);
    const tolerance = TOLERANCES[model.info.dtype] ?? EXACT_TOLERANCE;
    print(folder);
    let [agreeing, all] = [0, 0];
    for (const example of fitting) {
      print(`  ${example.name}`);
      for (const { what, printed, computed } of await compare(model, task, example, signal)) {
        const agrees = Math.abs(computed - printed) <= tolerance * Math.max(Math.abs(printed), 1);
        print(`    ${agrees ? "agrees        " : "does not agree"}  ${what}: ${computed.toFixed(6)}, printed ${printed}`);
        all++;
        if (agrees) agreeing++;
      }
    }
    if (agreeing < all) throw disagreement(all - agreeing, all, tolerance);
    print(`  all ${all} numbers agree, within ${tolerance}`);
  } finally {
    model.free();
  }
}

const print = (line) => process.stdout.write(`${line}\n`);

/** Loads a model of either kind in f32. */
async function load(folder, signal) {
  const options = { quality: "float", signal };
  try {
    return await Corom.load(folder, options);
  } catch (error) {
    const isReranker = error.code === "UNSUPPORTED_MODEL" && error.message.includes("CoromReranker");
    if (!isReranker) throw error;
    return CoromReranker.load(folder, options);
  }
}

function hiddenSize(folder) {
  const file = path.join(folder, "config.json");
  try {
    return JSON.parse(readFileSync(file, "utf8").replace(/^\ufeff/, "")).hidden_size;
  } catch (cause) {
    throw new CoromError("INVALID_CONFIG", `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Returns the numbers of an example, `{ what, printed, computed }`. */
async function compare(model, task, { name, query, texts, vectors = [], scores: due = [] }, signal) {
  const compared = [];
  let scores;
  if (task === "rerank") scores = await model.score(query, texts, { signal });
  else {
    const embedded = await model.embed(texts, { signal });
    for (const [text, { first, last = [] }] of vectors.entries()) {
      const row = embedded.row(text);
      if (Math.max(first.length, last.length) > row.length) {
        throw invalid(`the example "${name}" has more numbers than a vector of ${row.length}`);
      }
      const from = row.length - last.length;
      for (const [printed, at] of [...first.map((x, i) => [x, i]), ...last.map((x, i) => [x, from + i])]) {
        compared.push({ what: `vector ${text}, number ${at}`, printed, computed: row[at] });
      }
    }
    const others = Array.from({ length: embedded.rows - 1 }, (_, i) => embedded.row(i + 1));
    scores = others.length > 0 ? await model.score(embedded.row(0), others, { metric: "dot", signal }) : [];
  }
  return [...compared, ...due.map((printed, at) => ({ what: `score ${at}`, printed, computed: scores[at] }))];
}

const TASKS = { embed: "Embed", rerank: "Rerank" };

function noNumbers(examples, task, hidden) {
  const known = examples.map(({ name, task, hidden_size: size }) => {
    return `${name} (${TASKS[task]}, ${size === undefined ? "any hidden size" : `hidden size ${size}`})`;
  });
  return invalid(
    `there are no printed numbers of a model with the task ${TASKS[task]} and hidden size ${hidden}; known are ` +
      `${known.join("; ")}. --numbers compares with numbers of your own`,
  );
}

function disagreement(count, all, tolerance) {
  const reason = "this is another model, or it was converted with other settings";
  const allowed = `a difference of ${tolerance} is allowed, in parts of numbers above 1`;
  const message = `${count} of ${all} numbers do not agree with those that are printed (${allowed}): ${reason}`;
  return new CoromError("SELF_TEST_FAILED", message);
}
