// Demo in Node, with the npm package:  node www/demo.mjs MODEL_FOLDER
//
// Loads a model and prints the results for the model card's example: token ids, vectors, the scores of the pipeline, a
// ranking, and the times and memory.
import { sentenceEmbedding } from "../pkg/modelscope.js";
import { Corom, CoromError } from "../pkg/node.js";
import { CARD } from "./samples.js";

const TIMED_RUNS = 9;

async function main(folder) {
  if (!folder) throw new Error("usage: node www/demo.mjs MODEL_FOLDER");
  const started = performance.now();
  const phases = new Map();
  const corom = await Corom.load(folder, {
    queryCache: 0, // the same text is timed several times
    onProgress: ({ phase }) => phases.set(phase, performance.now()),
  });
  const loadTime = performance.now() - started;
  const packTime = phases.get("done") - phases.get("pack");

  showModel(corom);
  const [query] = CARD.source_sentence;
  const documents = CARD.sentences_to_compare;
  await showTokens(corom, [query, ...documents]);
  await showPipeline(corom);
  await showRanking(corom, query, documents);
  const single = await median(() => corom.embed(query));
  const batch = (await median(() => corom.embed([query, ...documents]))) / (documents.length + 1);

  title("Time and memory");
  const { wasmMemory, weightBytes, simd } = corom.info;
  table([
    ["load", ms(loadTime), `packing and self-test: ${ms(packTime)}`],
    ["one text", ms(single), `the query, median of ${TIMED_RUNS} runs`],
    ["per text of four", ms(batch), `four texts in one call, median of ${TIMED_RUNS} runs`],
    ["peak WebAssembly memory", mib(wasmMemory), `weights: ${mib(weightBytes)}`],
    ["WebAssembly binary", simd === "relaxed" ? "corom-relaxed.wasm" : "corom.wasm", `simd: ${simd}`],
  ]);
  corom.free();
}

function showModel({ info }) {
  title("The model");
  table([
    ["vector length", info.dimension, `pooling ${info.pooling}${info.normalize ? ", normalized" : ""}`],
    ["layers", info.layers, `${info.heads} attention heads per layer`],
    ["vocabulary", info.vocabSize, `at most ${info.maxLength} tokens per text`],
    ["weights", info.dtype, `back end: ${info.backend}`],
  ]);
}

async function showTokens(corom, texts) {
  title("Token ids");
  for (const [i, text] of texts.entries()) {
    console.log(`  ${label(i)}  ${text}`);
    console.log(`     ${(await corom.tokenize(text)).ids.join(" ")}`);
  }
}

async function showPipeline(corom) {
  const pipeline = sentenceEmbedding(corom);
  const { text_embedding, scores } = await pipeline(CARD);
  title("Vectors, first five values");
  text_embedding.forEach((row, i) =>
    console.log(`  ${label(i)}  ${[...row.slice(0, 5)].map((x) => number(x, 7)).join(" ")}  …`),
  );
  title("Scores of the pipeline (inner products)");
  const sourcesOnly = { source_sentence: CARD.sentences_to_compare };
  const card = await pipeline(sourcesOnly);
  const latest = await pipeline(sourcesOnly, { modelscopeVersion: "latest" });
  table([
    ["query and three documents", list(scores), ""],
    ["three sources only", list(card.scores), 'modelscopeVersion: "1.2" (default)'],
    ["", list(latest.scores), 'modelscopeVersion: "latest"'],
  ]);
}

async function showRanking(corom, query, documents) {
  title("Ranking by cosine");
  const ranked = await corom.rank(query, documents, { metric: "cosine" });
  for (const { index, score, text } of ranked) console.log(`  ${number(score, 6)}  ${label(index + 1)}  ${text}`);
}

async function median(work) {
  const times = [];
  for (let i = 0; i < TIMED_RUNS; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[TIMED_RUNS >> 1];
}

const title = (text) => console.log(`\n${text}`);
const label = (i) => (i === 0 ? "q " : `d${i}`);
const ms = (time) => `${time < 10 ? time.toFixed(2) : time.toFixed(0)} ms`;
const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const number = (x, digits) => x.toFixed(digits).padStart(digits + 4);
const list = (scores) => `[${scores.map((s) => s.toFixed(4)).join(", ")}]`;

/** Prints rows of (name, value, remark) in columns. */
function table(rows) {
  const width = (column) => Math.max(...rows.map((row) => String(row[column]).length));
  const [first, second] = [width(0), width(1)];
  for (const [name, value, remark] of rows) {
    console.log(`  ${String(name).padEnd(first)}  ${String(value).padEnd(second)}  ${remark}`.trimEnd());
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error instanceof CoromError ? `${error.code}: ${error.message}` : error.message);
  process.exit(1);
});
