// Runs exports against their golden vectors and reports; also a program, for a Node with other flags:
//   node goldens.mjs plain|relaxed      prints the report as JSON
import { fileURLToPath } from "node:url";
import { Corom, maxAbs } from "./corom.mjs";
import { exportFolder, fixtureNames, golden } from "./paths.mjs";

const POOLINGS = ["cls", "mean", "avg_top2", "avg_first_last"];

/** One line a model and pooling: what was off, or `error`. */
export async function runGoldens(simd, names = fixtureNames("exports")) {
  const report = [];
  for (const name of names) {
    const expected = golden(name);
    const poolings = Object.keys(expected.vectors).filter((key) => POOLINGS.includes(key));
    for (const pooling of poolings.length > 0 ? poolings : [undefined]) {
      const line = { name, pooling: pooling ?? "graph", tolerance: expected.tolerance };
      try {
        Object.assign(line, await compare(name, pooling, expected, simd));
      } catch (error) {
        line.error = `${error.code ?? error.name}: ${error.message}`;
      }
      report.push(line);
    }
  }
  return report;
}

async function compare(name, pooling, expected, simd) {
  const corom = await Corom.load(exportFolder(name), { simd, pooling, maxLength: expected.max_length });
  try {
    const { texts } = expected;
    const wrongIds = texts.filter((text, i) => String(corom.tokenize(text).ids) !== String(expected.input_ids[i]));
    // A quantised graph takes its scales from the whole batch, so those goldens are of single texts.
    const alone = expected.source !== "pytorch";
    const rows = alone ? [] : [...(await corom.embed(texts))];
    if (alone) for (const text of texts) rows.push((await corom.embed(text)).data);
    const vectors = expected.vectors[pooling ?? "sentence_embedding"];
    return { simd: corom.info.simd, wrongIds, worst: Math.max(...rows.map((row, i) => maxAbs(row, vectors[i]))) };
  } finally {
    corom.free();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await runGoldens(process.argv[2])));
}
