// The kernels alone, as `./build.sh test` builds them from benches/kernels. Also a program, for a Node with other flags:
//   node kernels.mjs plain|relaxed      prints the report of the golden hashes as JSON
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { golden } from "../../../benches/kernels/suite.mjs";
import { ROOT } from "./paths.mjs";

export const KERNELS = path.join(ROOT, "target/bench/kernels");

/** Returns the path of the build with or without relaxed SIMD. */
export function kernelsFile(variant) {
  const file = path.join(KERNELS, `${variant}.wasm`);
  if (!existsSync(file)) throw new Error(`${file} is missing: run ./build.sh test core`);
  return file;
}

/** The number of golden cases that golden.rs lists. */
export const GOLDEN_CASES = readFileSync(path.join(ROOT, "benches/kernels/src/golden.rs"), "utf8").match(
  /\bCase\s*\{\s*name:/g,
).length;

/** Asserts that every golden case was computed and none has another hash. */
export function checkGolden({ cases, wrong }) {
  assert.equal(cases, GOLDEN_CASES, "the number of golden cases");
  assert.deepEqual(wrong, [], `golden cases with another hash: ${wrong}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await golden({ bytes: readFileSync(kernelsFile(process.argv[2])) })));
}
