// Prompts and the model's metric, beside the vectors and scores of sentence-transformers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { Corom as WorkerCorom } from "corom/worker";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { FIXTURES, filesOf, readJson } from "./support/paths.mjs";

const { query, documents, text, cases } = readJson(path.join(FIXTURES, "sentence/prompts.json"));
const ENCODER = {
  ...filesOf(path.join(FIXTURES, "checkpoints/safetensors"), ["config.json", "tokenizer.json", "tokenizer_config.json"]),
  "model.onnx": new Uint8Array(readFileSync(path.join(FIXTURES, "sentence/dense-tanh.onnx"))),
};

const folderOf = (name) => {
  const files = Object.entries(cases[name].files).map(([file, contents]) => [file, contents.text]);
  return { ...ENCODER, ...Object.fromEntries(files) };
};

for (const Class of [Corom, WorkerCorom]) {
  describe(Class === Corom ? "prompts" : "prompts in corom/worker", async () => {
    const load = (name) => Class.load(folderOf(name), { quality: "float" });
    const corom = await load("query-and-document");
    const expected = cases["query-and-document"];
    after(() => corom.free());

    const check = async (prompt, rows) => {
      const vectors = await corom.embed(documents, prompt === undefined ? undefined : { prompt });
      for (const [i, row] of [...vectors].entries()) assertClose(row, rows[i], 2e-5, `${JSON.stringify(prompt)}, ${documents[i]}`);
    };

    test("embed takes a name, a text, or the default", async () => {
      await check(undefined, expected.default);
      await check(null, expected.default);
      await check("", expected.without);
      await check("document", expected.named.document);
      await check({ name: "query" }, expected.named.query);
      await check(text, expected.text);
      await check({ text }, expected.text);
    });

    test("an unknown name is an error that lists the names", async () => {
      await failsWith("INVALID_ARGUMENT", () => corom.embed("裤", { prompt: "passage" }), "`document`, `query`");
      await failsWith("INVALID_ARGUMENT", () => corom.embed("裤", { prompt: { name: "q: " } }), "no prompt");
      for (const prompt of [3, [], {}, { text: 1 }, { name: "query", text: "q" }]) {
        await failsWith("INVALID_ARGUMENT", () => corom.embed("裤", { prompt }), "prompt");
      }
    });

    test("the query cache keeps prompts apart", async () => {
      const [first] = documents;
      const row = (prompt) => corom.embed(first, { prompt });
      for (let i = 0; i < 2; i++) {
        assertClose(await row(undefined), expected.default[0], 2e-5, "default");
        assertClose(await row("document"), expected.named.document[0], 2e-5, "document");
        assertClose(await row(""), expected.without[0], 2e-5, "none");
      }
    });

    test("score and rank use the prompts and the metric of the model", async () => {
      for (const [name, { similarity }] of Object.entries(cases)) {
        const model = await load(name);
        const scores = await model.score(query, documents);
        assertClose(scores, similarity, 1e-4, name);
        const order = [...similarity.keys()].sort((a, b) => similarity[b] - similarity[a]);
        const ranked = await model.rank(query, documents);
        assert.deepEqual(ranked.map(({ index }) => index), order, name);
        const dots = await model.score(query, documents, { metric: "dot" });
        if (model.info.metric !== "dot") assert.notDeepEqual([...dots], [...scores], name);
        model.free();
      }
    });

    test("info has metric and prompts", async () => {
      assert.equal(corom.info.metric, "cosine");
      assert.deepEqual({ ...corom.info.prompts }, { query: "搜索阔腿裤：", document: "商品 " });
      assert.equal(corom.info.defaultPromptName, "query");
      const settings = Object.fromEntries(corom.info.settings.map(({ setting, value, source }) => [setting, [value, source]]));
      assert.deepEqual(settings.defaultPromptName, ["query", "config_sentence_transformers.json"]);
    });
  });
}
