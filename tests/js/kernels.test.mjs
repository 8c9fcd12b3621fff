// The kernels alone, built from benches/kernels with and without relaxed SIMD, give the bits of a native build in Node.
// A native build computes the same golden hashes in tests/kernels_golden.rs, Chromium in hosts/bits.test.mjs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { compare, golden } from "../../benches/kernels/suite.mjs";
import { hasRelaxedSimd } from "../../pkg/lib/simd.js";
import { GOLDEN_CASES, checkGolden, kernelsFile } from "./support/kernels.mjs";
import { nodeJson } from "./support/relaxed-node.mjs";

const SCRIPT = fileURLToPath(new URL("./support/kernels.mjs", import.meta.url));
// V8's baseline compiler in Node 20 compiles i32x4.relaxed_dot_i8x16_i7x16_add wrongly. The package checks each relaxed
// kernel before it uses it; here the optimizing compiler alone is asked.
const NO_BASELINE = ["--no-liftoff"];

describe("the plain build of the kernels", () => {
  test("gives the golden hash of every case", async () => {
    checkGolden(await golden({ bytes: readFileSync(kernelsFile("plain")) }));
  });

  test("needs no relaxed SIMD", () => {
    assert.ok(WebAssembly.validate(readFileSync(kernelsFile("plain"))));
  });
});

describe("the relaxed build of the kernels", () => {
  test("gives the golden hash of every case", async () => {
    checkGolden(await nodeJson(SCRIPT, "relaxed", NO_BASELINE));
  });

  test("contains relaxed SIMD", () => {
    // An engine without relaxed SIMD refuses the module; another one can only be asked whether the bytes are there.
    const bytes = readFileSync(kernelsFile("relaxed"));
    if (hasRelaxedSimd()) assert.ok(Buffer.from(bytes).includes(Buffer.from([0xfd, 0x92, 0x02])));
    else assert.equal(WebAssembly.validate(bytes), false);
  });
});

describe("the check of golden hashes", () => {
  test("fails if a hash differs or the number of cases is not that of golden.rs", () => {
    const wasm = {
      golden_cases: () => GOLDEN_CASES,
      golden_hash: (i) => BigInt(i),
      golden_expected: (i) => BigInt(i === 3 ? 0 : i),
    };
    assert.throws(() => checkGolden(compare(wasm)), /another hash: 3/);
    for (const cases of [0, GOLDEN_CASES - 1, GOLDEN_CASES + 1])
      assert.throws(() => checkGolden({ cases, wrong: [] }), /the number of golden cases/);
    checkGolden(compare({ ...wasm, golden_expected: wasm.golden_hash }));
  });
});
