// Prints the best texts of a file, for `corom rank` and `corom rerank`.
import { reportDevice } from "./model.js";
import { ProgressBar } from "./progress-bar.js";
import { assertExists, batchesOf, openRecords } from "./records.js";

const DEFAULT_TOP_K = 10;

/**
 * Prints the best texts of a file. Only the best of each batch are kept, so that the memory does not depend on the file.
 * `load(values, { bar, signal })` returns `{ model, batchSize }`, `best(model, texts, options)` the best results of a batch,
 * and `valueOf(result)` the number that they are sorted by, largest first.
 */
export async function printBest(input, values, signal, { load, best, valueOf }) {
  const { json, "top-k": topK = DEFAULT_TOP_K } = values;
  const bar = new ProgressBar();
  const { size, records } = openRecords(input, values, signal);
  let model;
  try {
    assertExists(input);
    const loaded = await load(values, { bar, signal });
    model = loaded.model;
    let found = [];
    const seen = { texts: 0, empty: 0 };
    for await (const batch of batchesOf(records, loaded.batchSize)) {
      const texts = batch.map(({ text }) => text);
      seen.texts += texts.length;
      seen.empty += texts.filter((text) => text.trim() === "").length;
      const show = (done) => {
        const { bytes, number } = batch[Math.max(0, done - 1)];
        bar.update("ranking", bytes, size, () => `line ${number}`);
      };
      const results = await best(model, texts, { topK, signal, onProgress: ({ done }) => show(done) });
      const numbered = results.map(({ index, ...result }) => ({ line: batch[index].number, ...result }));
      found = [...found, ...numbered].sort((a, b) => valueOf(b) - valueOf(a) || a.line - b.line).slice(0, topK);
      show(batch.length);
    }
    signal.throwIfAborted();
    bar.clear();
    reportDevice(model.info);
    const lines = found.map((result, i) => (json ? JSON.stringify({ rank: i + 1, ...result }) : row(result, i)));
    process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    if (seen.texts === 0) process.stderr.write(`${input === "-" ? "standard input" : input} has no texts\n`);
    if (seen.empty > 0) process.stderr.write(`${seen.empty} of ${seen.texts} texts are empty; they are ranked too\n`);
  } catch (error) {
    bar.clear();
    throw error;
  } finally {
    model?.free();
  }
}

const row = ({ score, text }, i) => `${String(i + 1).padStart(3)}  ${score.toFixed(4)}  ${text.replace(/[\t\r\n]+/g, " ")}`;
