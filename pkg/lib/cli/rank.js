// `corom rank`.
import { assertModel, loadModel } from "./model.js";
import { ProgressBar } from "./progress-bar.js";
import { assertExists, batchesOf, openRecords } from "./records.js";

const DEFAULT_TOP_K = 10;

/** Ranks the texts of a file. Only the best of each batch are kept, so that the memory does not depend on the file. */
export async function run({ positionals: [query, input], values }, signal) {
  const { metric, json, "top-k": topK = DEFAULT_TOP_K } = values;
  assertModel(values);
  const bar = new ProgressBar();
  const { size, records } = openRecords(input, values, signal);
  let corom;
  try {
    assertExists(input);
    const loaded = await loadModel(values, { bar, signal });
    corom = loaded.corom;
    let best = [];
    for await (const batch of batchesOf(records, loaded.batchSize)) {
      const texts = batch.map(({ text }) => text);
      const ranked = await corom.rank(query, texts, { metric, topK, signal });
      const found = ranked.map(({ index, ...result }) => ({ line: batch[index].number, ...result }));
      best = [...best, ...found].sort((a, b) => b.score - a.score || a.line - b.line).slice(0, topK);
      bar.update("ranking", batch.at(-1).bytes, size, () => `line ${batch.at(-1).number}`);
    }
    signal.throwIfAborted();
    bar.clear();
    const lines = best.map((result, i) => (json ? JSON.stringify({ rank: i + 1, ...result }) : row(result, i)));
    process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  } catch (error) {
    bar.clear();
    throw error;
  } finally {
    corom?.free();
  }
}

const row = ({ score, text }, i) => `${String(i + 1).padStart(3)}  ${score.toFixed(4)}  ${text.replace(/[\t\r\n]+/g, " ")}`;
