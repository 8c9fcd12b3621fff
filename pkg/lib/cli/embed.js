// `corom embed`.
import { statSync } from "node:fs";
import { assertModel, loadModel, reportDevice } from "./model.js";
import { duration, ProgressBar } from "./progress-bar.js";
import { assertExists, batchesOf, openRecords } from "./records.js";
import { openVectors } from "./vector-file.js";
import { UsageError } from "./usage.js";

/** Embeds the texts of a file, batch by batch, so that the memory does not depend on the size of the file. */
export async function run({ positionals: [input, output], values }, signal) {
  assertModel(values, ", or `nano`, which is in the package");
  if (areSameFile(input, output)) throw new UsageError("IN and OUT are the same file");
  const started = performance.now();
  const bar = new ProgressBar();
  const { size, records } = openRecords(input, values, signal, { keepsFields: !/\.npy$/i.test(output) });
  const file = openVectors(output, values.force);
  let corom;
  try {
    assertExists(input);
    const loaded = await loadModel(values, { bar, signal });
    corom = loaded.model;
    const { dimension, maxLength } = corom.info;
    await file.begin(dimension);
    const counts = { texts: 0, cut: 0, empty: 0, unknown: 0 };
    const begun = performance.now();
    for await (const batch of batchesOf(records, loaded.batchSize)) {
      const texts = batch.map(({ text }) => text);
      const onProgress = ({ done }) => {
        const rate = (counts.texts + done) / ((performance.now() - begun) / 1000);
        const read = batch[Math.max(0, done - 1)]?.bytes ?? 0;
        bar.update("embedding", read, size, () => `${counts.texts + done} texts, ${rate.toFixed(0)} texts/s`);
      };
      const vectors = await corom.embed(texts, { prompt: values.prompt, signal, onProgress });
      await file.write(batch, vectors);
      counts.texts += texts.length;
      counts.cut += vectors.truncated.filter(Boolean).length;
      counts.empty += texts.filter((text) => text.trim() === "").length;
    }
    signal.throwIfAborted();
    await file.commit();
    bar.clear();
    reportDevice(corom.info);
    report(output, counts, { dimension, maxLength, seconds: (performance.now() - started) / 1000 });
  } catch (error) {
    bar.clear();
    file.discard();
    throw error;
  } finally {
    corom?.free();
  }
}

/** Returns true if two paths lead to the same file, which exists. */
function areSameFile(a, b) {
  if (a === "-" || b === "-") return false;
  const [one, other] = [a, b].map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}

function report(output, { texts, cut, empty }, { dimension, maxLength, seconds }) {
  const stream = output === "-" ? process.stderr : process.stdout;
  stream.write(`${output}\n  ${texts} vectors of ${dimension} numbers, ${duration(seconds)}\n`);
  if (cut > 0) stream.write(`  ${cut} texts have more than ${maxLength} tokens and were cut\n`);
  if (empty > 0) stream.write(`  ${empty} texts are empty\n`);
}
