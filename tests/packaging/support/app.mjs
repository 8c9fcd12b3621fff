// The program that every host and every bundler runs, and the check of its outcome.
import assert from "node:assert/strict";
import { golden } from "./places.mjs";

export const TEXTS = golden.texts;

/** Returns the program's source; `specifier` is what it imports. */
export const appText = (specifier = "corom") => `import { Corom, CoromError } from ${JSON.stringify(specifier)};

export async function run(source, texts, options) {
  const seen = [];
  const corom = await Corom.load(source, { quality: "float", ...options, onProgress: ({ phase }) => seen.includes(phase) || seen.push(phase) });
  try {
    // With several workers, two of them.
    const [embeddings, again] = await Promise.all([corom.embed(texts), corom.embed(texts)]);
    const best = await corom.rank(texts[1], texts.slice(2), { topK: 1 });
    const refused = await corom.embed(42).catch((error) => error);
    return {
      areSame: embeddings.data.every((x, i) => x === again.data[i]),
      rows: [...embeddings].map((row) => Array.from(row)),
      best: best[0].index,
      refused: refused instanceof CoromError ? refused.code : String(refused),
      simd: corom.info.simd,
      phases: seen,
      wasmMemory: corom.info.wasmMemory,
      workers: corom.info.workers,
    };
  } finally {
    corom.free();
  }
}
`;

/**
 * Returns a program for Node, Deno and Bun that prints the outcome; its arguments are a source and `simd`. `options` is
 * the text of further options.
 */
export const cliText = (specifier, options = "{}") => `${appText(specifier)}
const [source, simd = "auto"] = globalThis.Deno?.args ?? process.argv.slice(2);
console.log(JSON.stringify(await run(source, ${JSON.stringify(TEXTS)}, { advanced: { simd }, ...${options} })));
`;

/** Returns a script for pages that leaves the outcome, or the error, in the global `outcome`. */
export const pageText = (specifier, options = "{}", more = "") => `${more}${appText(specifier)}
run("./model/", ${JSON.stringify(TEXTS)}, ${options}).then(
  (value) => (globalThis.outcome = value),
  (error) => (globalThis.outcome = { error: \`\${error?.code} \${error}\` }),
);
`;

/** Asserts that the outcome has PyTorch's vectors, ranking, error code and progress. */
export function assertWorks(result, { simd = ["plain", "relaxed"], imported = false } = {}) {
  assert.equal(result.error, undefined);
  const expected = golden.vectors.cls;
  assert.equal(result.rows.length, expected.length);
  const worst = Math.max(...result.rows.flatMap((row, i) => row.map((x, j) => Math.abs(x - expected[i][j]))));
  assert.ok(worst <= golden.tolerance, `vectors differ by ${worst}`);
  assert.equal(result.rows[0].length, expected[0].length);
  const dots = expected.slice(2).map((row) => row.reduce((sum, x, j) => sum + x * expected[1][j], 0));
  assert.equal(result.best, dots.indexOf(Math.max(...dots)));
  assert.equal(result.refused, "INVALID_ARGUMENT");
  assert.ok(result.areSame, "the vectors of two calls at the same time are the same");
  assert.ok([simd].flat().includes(result.simd), `simd is ${result.simd}, not ${simd}`);
  assert.equal(result.phases.includes("wasm"), !imported, `phases: ${result.phases}`);
  assert.ok(result.phases.includes("download") && result.phases.includes("done"), `phases: ${result.phases}`);
  assert.ok(result.wasmMemory > 0);
}
