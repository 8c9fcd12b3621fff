// Compares exports with their golden vectors. Also a program, for a Node with other flags:
//   node goldens.mjs plain|relaxed      prints the report as JSON
import { fileURLToPath } from "node:url";
import { Corom, cosine, maxAbs } from "./corom.mjs";
import { generatedFiles } from "./generated.mjs";
import { exportFolder, fixtureNames, golden } from "./paths.mjs";

const GENERATED = fixtureNames("generated");
const POOLINGS = ["cls", "mean", "avg_top2", "avg_first_last"];

/** Returns one line per model and pooling, with the differences, or with `error`. */
export async function runGoldens(simd, names = [...fixtureNames("exports"), ...GENERATED]) {
  const report = [];
  for (const name of names) {
    const isGenerated = GENERATED.includes(name);
    const expected = golden(name, isGenerated ? "generated" : "exports");
    const source = isGenerated ? generatedFiles(name) : exportFolder(name);
    const poolings = Object.keys(expected.vectors).filter((key) => POOLINGS.includes(key));
    for (const pooling of poolings.length > 0 ? poolings : [undefined]) {
      const line = { name, pooling: pooling ?? "graph", tolerance: expected.tolerance };
      try {
        Object.assign(line, await compare(name, source, pooling, expected, simd));
      } catch (error) {
        line.error = `${error.code ?? error.name}: ${error.message}`;
      }
      report.push(line);
    }
  }
  return report;
}

async function compare(name, source, pooling, expected, simd) {
  const { texts, max_length: maxLength } = expected;
  const vectors = expected.vectors[pooling ?? "sentence_embedding"];
  const load = (options) => Corom.load(source, { advanced: { simd }, pooling, maxLength, queryCache: 0, ...options });
  const exact = await load({ quality: "float" });
  try {
    const tokens = await Promise.all(texts.map((text) => exact.tokenize(text)));
    const wrongIds = texts.filter((text, i) => String(tokens[i].ids) !== String(expected.input_ids[i]));
    const rows = [...(await exact.embed(texts))];
    const worst = Math.max(...rows.map((row, i) => maxAbs(row, vectors[i])));
    // The fused graph leaves onnxruntime's rounding of activations out, so the vectors are close, not equal.
    const isQuantized = /int8|accuracy4|qdq|qoperator/.test(name);
    const minCosine = (a, b) => Math.min(...a.map((row, i) => cosine(row, b[i])));
    const fast = await load({});
    const fastRows = [...(await fast.embed(texts))];
    fast.free();
    return {
      simd: exact.info.simd,
      fused: exact.info.fused && fast.info.fused,
      wrongIds,
      worst: isQuantized && minCosine(rows, vectors) >= 0.99 ? 0 : worst,
      integers: minCosine(fastRows, rows),
    };
  } finally {
    exact.free();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await runGoldens(process.argv[2])));
}
