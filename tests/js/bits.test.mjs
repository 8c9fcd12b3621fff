// The exact kernels give the same bits in Node as in a native build (tests/bits.rs), with both binaries.
// hosts/bits.test.mjs does the same in Chromium; kernels.test.mjs covers the relaxed kernels.
import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { hasRelaxedSimd } from "../../pkg/lib/simd.js";
import { differing } from "./support/bits.mjs";
import { Corom } from "./support/corom.mjs";
import { FIXTURES, GOLDEN_BITS } from "./support/paths.mjs";
import { nodeJson } from "./support/relaxed-node.mjs";

const folderOf = (folder) => path.join(FIXTURES, folder);

describe("the golden bits", () => {
  test("hold one vector per text and case", () => {
    const { cases, texts } = GOLDEN_BITS;
    assert.ok(cases.length >= 6 && texts.length >= 6);
    for (const { name, vectors } of cases) {
      assert.equal(vectors.length, texts.length, name);
      assert.ok(vectors.every((bits) => /^([0-9a-f]{8})+$/.test(bits)), name);
    }
  });

  test("differ if one bit of one vector differs", async () => {
    const { cases, texts } = GOLDEN_BITS;
    const vectors = cases[0].vectors.with(2, cases[0].vectors[2].replace(/.$/, (c) => (c === "0" ? "1" : "0")));
    const wrong = await differing(Corom, { texts, cases: [{ ...cases[0], vectors }] }, folderOf, "plain");
    assert.deepEqual(
      wrong.map(({ text }) => text),
      [texts[2], texts[2]],
      "the text in a batch and the text alone",
    );
  });
});

describe("the exact kernels in Node", () => {
  test("give the golden bits in the plain binary", async () => {
    assert.deepEqual(await differing(Corom, GOLDEN_BITS, folderOf, "plain"), []);
  });

  test("give the golden bits in the relaxed binary", async () => {
    const script = fileURLToPath(new URL("./support/bits.mjs", import.meta.url));
    const wrong = hasRelaxedSimd()
      ? await differing(Corom, GOLDEN_BITS, folderOf, "relaxed")
      : await nodeJson(script, "relaxed");
    assert.deepEqual(wrong, []);
  });
});
