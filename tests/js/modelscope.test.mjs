// `corom/modelscope`: ModelScope's sentence-embedding pipeline, with both classes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sentenceEmbedding } from "corom/modelscope";
import { Corom as InWorker } from "corom/worker";
import { Corom, assertClose, dot, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const GOLDEN = golden("legacy-op14");
const CLS = GOLDEN.vectors.cls;
const TOLERANCE = GOLDEN.tolerance;

for (const [name, Class] of [["corom", Corom], ["corom/worker", InWorker]]) {
  describe(`sentenceEmbedding with ${name}`, () => {
    let corom;
    let pipeline;
    before(async () => {
      const options = { maxLength: GOLDEN.max_length, pooling: "cls", quality: "float" };
      corom = await Class.load(exportFolder("legacy-op14"), options);
      pipeline = sentenceEmbedding(corom);
    });
    after(() => corom.free());

    test("gives what ModelScope 1.2 gives, and what its latest release gives", async () => {
      const [a, b, c, d] = GOLDEN.texts.slice(1, 5);
      const [va, vb, vc, vd] = CLS.slice(1, 5);
      const one = await pipeline({ source_sentence: [a], sentences_to_compare: [b, c, d] });
      assert.equal(one.text_embedding.length, 4);
      [va, vb, vc, vd].forEach((row, i) => assertClose(one.text_embedding[i], row, TOLERANCE));
      assertClose(one.scores, [dot(va, vb), dot(va, vc), dot(va, vd)], 2e-3);
      assert.ok(Array.isArray(one.scores));

      const sourcesOnly = { source_sentence: [a, b, c] };
      assertClose((await pipeline(sourcesOnly)).scores, [dot(va, vb), dot(va, vc)], 2e-3);
      assert.deepEqual((await pipeline(sourcesOnly, { modelscopeVersion: "latest" })).scores, []);
      assert.equal((await pipeline(sourcesOnly, { modelscopeVersion: "latest" })).text_embedding.length, 3);
      const two = await pipeline(
        { source_sentence: [a, b], sentences_to_compare: [c, d] },
        { modelscopeVersion: "latest" },
      );
      assertClose(two.scores, [dot(va, vb), dot(va, vc), dot(va, vd)], 2e-3, "row 0 is compared with all the others");

      const bare = await pipeline({ source_sentence: a, sentences_to_compare: b });
      assertClose(bare.scores, [dot(va, vb)], 2e-3);
      assert.deepEqual((await pipeline({ source_sentence: a, sentences_to_compare: null })).scores, []);
      assert.deepEqual((await pipeline({ source_sentence: "" })).scores, []);
    });

    test("returns vectors with buffers of their own", async () => {
      const { text_embedding } = await pipeline({ source_sentence: ["裤", "手机"] });
      for (const vector of text_embedding) assert.equal(vector.buffer.byteLength, 4 * corom.info.dimension);
    });

    test("rejects wrong input with INVALID_ARGUMENT", async () => {
      for (const value of [undefined, null, 5, "a", [], ["a"]])
        await failsWith("INVALID_ARGUMENT", pipeline(value), "source_sentence");
      await failsWith("INVALID_ARGUMENT", pipeline({}), "source_sentence is missing");
      await failsWith("INVALID_ARGUMENT", pipeline({ sentences_to_compare: ["a"] }), "source_sentence is missing");
      await failsWith("INVALID_ARGUMENT", pipeline({ source_sentence: [] }), "source_sentence", "at least one");
      for (const value of [5, {}, [5], [["a"]]]) {
        await failsWith("INVALID_ARGUMENT", pipeline({ source_sentence: value }), "source_sentence");
        const input = { source_sentence: "a", sentences_to_compare: value };
        await failsWith("INVALID_ARGUMENT", pipeline(input), "sentences_to_compare");
      }
      const misspelled = { source_sentence: "a", sentences_to_compar: ["b"] };
      await failsWith("INVALID_ARGUMENT", pipeline(misspelled), "input.sentences_to_compar:", "did you mean sentences_to_compare?");
      for (const modelscopeVersion of ["", "1.1", 1.2])
        await failsWith("INVALID_ARGUMENT", pipeline({ source_sentence: "a" }, { modelscopeVersion }), "modelscopeVersion");
    });
  });
}

test("sentenceEmbedding needs a loaded instance", async () => {
  for (const value of [undefined, null, {}, Corom]) {
    await failsWith("INVALID_ARGUMENT", async () => sentenceEmbedding(value), "corom");
  }
});
