// `CoromReranker` with real cross-encoders, with both classes: scores and tokens as PyTorch and transformers give them, bits
// that depend on the pair alone, and the same pipeline as ModelScope's.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { textRanking } from "corom/modelscope";
import { Corom as CoromInWorker, CoromReranker as InWorker } from "corom/worker";
import { CoromReranker as Here } from "corom";
import { Corom, assertClose, failsWith, random } from "./support/corom.mjs";
import { exportFolder, filesOf } from "./support/paths.mjs";
import { rerankerFiles, rerankerGolden, sigmoid, trainedFiles } from "./support/rerankers.mjs";

const GOLDEN = rerankerGolden("trained");
/** Pairs with few queries, so that calls have several documents. */
const QUERIES = [...new Set(GOLDEN.pairs.map(({ query }) => query))];
const DOCUMENTS = [...new Set(GOLDEN.pairs.map(({ document }) => document))].slice(-45);
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let files;
before(async () => (files = { f32: await trainedFiles("f32"), int8: await trainedFiles("int8") }));

/** Scores every golden pair, one call per query. Returns `[logit, score]` of each pair. */
async function scoresOf(reranker) {
  const found = new Map();
  for (const query of QUERIES) {
    const documents = GOLDEN.pairs.filter((pair) => pair.query === query).map(({ document }) => document);
    for (const { text, logit, score } of await reranker.rerank(query, documents)) found.set(`${query} | ${text}`, [logit, score]);
  }
  return GOLDEN.pairs.map(({ query, document }) => found.get(`${query} | ${document}`));
}

test("exports of every shape give the logits and the tokens of PyTorch and transformers", async () => {
  for (const name of ["two-labels", "tiny4-legacy-op17", "minilm-legacy-no-types"]) {
    const { max_length: maxLength, pairs } = rerankerGolden(name);
    const reranker = await Here.load(rerankerFiles(name), { quality: "float", maxLength });
    assert.deepEqual([reranker.info.labels, reranker.info.fused], [name === "two-labels" ? 2 : 1, true], name);
    for (const { query, document, ids, types, logit } of pairs) {
      const [result] = await reranker.rerank(query, [document]);
      assertClose([result.logit, result.score], [logit, sigmoid(logit)], 1e-4, name);
      const tokens = await reranker.tokenize(query, document);
      assert.deepEqual([tokens.ids, tokens.typeIds], [ids, types], `${name}: ${JSON.stringify([query, document])}`);
    }
    reranker.free();
  }
});

for (const [name, Class] of [["corom", Here], ["corom/worker", InWorker]]) {
  describe(`CoromReranker of ${name}`, () => {
    let reranker;
    before(async () => (reranker = await Class.load(files.int8)));
    after(() => reranker.free());

    test("gives PyTorch's probabilities on a trained model", async () => {
      const exact = await Class.load(files.f32, { quality: "float" });
      const due = GOLDEN.pairs.map(({ logit }) => [logit, sigmoid(logit)]);
      assertClose((await scoresOf(exact)).flat(), due.flat(), 1e-4);
      exact.free();
      const probabilities = (await scoresOf(reranker)).map(([, score]) => score);
      assertClose(probabilities, due.map(([, score]) => score), 0.02, "int8");
    });

    test("gives a pair the same bits in every call, with and without the cache", async () => {
      const plain = await Class.load(files.int8, { pairCache: 0 });
      const whole = await reranker.rerank("阔腿裤", DOCUMENTS);
      for (const [index, text] of DOCUMENTS.entries()) {
        const [alone] = await plain.rerank("阔腿裤", [text]);
        const { score, logit } = whole.find((result) => result.index === index);
        assert.deepEqual([alone.score, alone.logit], [score, logit]);
      }
      assert.deepEqual(await plain.rerank("阔腿裤", DOCUMENTS), whole);
      assert.deepEqual(await reranker.rerank("阔腿裤", DOCUMENTS), whole, "from the cache");
      const reversed = await plain.score("阔腿裤", DOCUMENTS.toReversed?.() ?? [...DOCUMENTS].reverse());
      assert.deepEqual([...reversed].reverse(), [...(await reranker.score("阔腿裤", DOCUMENTS))]);
      plain.free();
    });

    test("reports its partial results and its progress", async () => {
      const [partials, events] = [[], []];
      const results = await reranker.rerank("连衣裙 加厚", DOCUMENTS, {
        onPartial: (list, { done, total }) => partials.push([done, total, list]),
        onProgress: ({ done, total }) => events.push([done, total]),
      });
      assert.ok(partials.length >= 3 && partials[0][0] >= 5 && partials[0][0] < DOCUMENTS.length);
      assert.deepEqual(partials.at(-1), [DOCUMENTS.length, DOCUMENTS.length, results]);
      assert.deepEqual(events.at(-1), [DOCUMENTS.length, DOCUMENTS.length]);
    });

    test("keeps the first 5 pairs in a budget of 0 ms", async () => {
      const results = await reranker.rerank("保温杯", ["保温杯", "手机壳", "耳机", "咖啡", "奶粉", "床单", "台灯"], { budgetMs: 0 });
      assert.deepEqual(results.map(({ logit }) => logit !== undefined), [true, true, true, true, true, false, false]);
      assert.deepEqual([results[0].text, results[5], results[6]], ["保温杯", { index: 5, text: "床单" }, { index: 6, text: "台灯" }]);
    });

    test("an aborted call rejects, and the next one works", async () => {
      const first = reranker.rerank("充电线", DOCUMENTS, { abortPrevious: true });
      const second = reranker.rerank("充电线 特价", DOCUMENTS, { abortPrevious: true });
      await assert.rejects(first, { name: "AbortError" });
      assert.equal((await second).length, DOCUMENTS.length);
      const controller = new AbortController();
      const onPartial = () => controller.abort();
      await assert.rejects(reranker.rerank("台灯", DOCUMENTS, { signal: controller.signal, onPartial }), { name: "AbortError" });
      assert.equal((await reranker.rerank("台灯", DOCUMENTS)).length, DOCUMENTS.length);
    });

    test("takes empty texts and texts of any length", async () => {
      const long = "牛仔裤 ".repeat(200_000);
      const results = await reranker.rerank(long, ["", "裤", long, "\ud800", "a\0b"]);
      assert.ok(results.every(({ score }) => score >= 0 && score <= 1));
      const { ids, truncated } = await reranker.tokenize(long, "裤");
      assert.deepEqual([ids.length, truncated], [128, true]);
      assert.deepEqual(await reranker.rerank("", []), []);
      assert.deepEqual(await reranker.score("", []), new Float32Array());
    });

    test("does not count all tokens of two long texts, which would take seconds", async () => {
      const next = random(3);
      const long = Array.from({ length: 250_000 }, () => next().toString(36).slice(2, 6)).join("");
      const before = reranker.info.wasmMemory;
      const started = performance.now();
      await reranker.score(long, [long, `${long}a`]);
      assert.ok(performance.now() - started < 4000);
      assert.ok(reranker.info.wasmMemory - before < 12 * 2 ** 20);
    });

    test("has the properties of the model, and methods that work through a Proxy", async () => {
      const { info } = reranker;
      assert.deepEqual([info.labels, info.maxLength, info.dtype, info.precision, info.fused], [1, 128, "int8", "int8", true]);
      assert.ok(info.wasmMemory > 0 && Object.isFrozen(info) && !("dimension" in info));
      const [result] = await new Proxy(reranker, {}).rerank("耳机", ["耳机", "咖啡"]);
      assert.equal(result.text, "耳机");
    });

    test("textRanking gives what ModelScope gives", async () => {
      const pipeline = textRanking(reranker);
      const [{ query }] = GOLDEN.pairs.slice(-1);
      const pairs = GOLDEN.pairs.filter((pair) => pair.query === query);
      const compared = [...pairs.map(({ document }) => document), "保温杯", "保温杯"];
      const { scores, ...more } = await pipeline({ source_sentence: [query], sentences_to_compare: compared });
      assert.deepEqual(more, {});
      assert.ok(Array.isArray(scores));
      assertClose(scores.slice(0, pairs.length), pairs.map(({ logit }) => sigmoid(logit)), 0.02);
      assert.equal(scores.length, compared.length);
      assert.deepEqual((await pipeline({ source_sentence: query, sentences_to_compare: compared[0] })).scores, [scores[0]]);
      assert.deepEqual(await pipeline({ source_sentence: [""], sentences_to_compare: [] }), { scores: [] });
      const wrong = (input, ...mentions) => failsWith("INVALID_ARGUMENT", pipeline(input), ...mentions);
      for (const value of [undefined, null, 5, "a", ["a"]]) await wrong(value, "source_sentence");
      await wrong({ sentences_to_compare: ["a"] }, "source_sentence is missing");
      await wrong({ source_sentence: ["a"] }, "sentences_to_compare is missing");
      for (const sources of [[], ["a", "b"]]) await wrong({ source_sentence: sources, sentences_to_compare: ["c"] }, "exactly one query");
      for (const value of [5, {}, [5]]) await wrong({ source_sentence: "a", sentences_to_compare: value }, "sentences_to_compare");
      await wrong({ source_sentences: "a", sentences_to_compare: "b" }, "did you mean source_sentence?");
      await failsWith("INVALID_ARGUMENT", pipeline({ source_sentence: "a", sentences_to_compare: "b" }, { topK: 3 }), "topK");
    });

    test("free() rejects calls with FREED", async () => {
      const one = await Class.load(files.int8);
      const pending = one.rerank("床单", DOCUMENTS);
      one.free();
      one.free();
      await failsWith("FREED", pending);
      for (const call of [one.rerank("床单", DOCUMENTS), one.score("床单", []), one.tokenize("a", "b")]) await failsWith("FREED", call);
      assert.equal(one.info.wasmMemory, 0);
      one[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
    });

    test("load rejects other models and options, and says what to write", async () => {
      await failsWith("UNSUPPORTED_MODEL", Class.load(exportFolder("legacy-op14")), "Corom");
      for (const [options, mention] of [
        [{ pooling: "cls" }, "pooling"],
        [{ normalize: true }, "normalize"],
        [{ queryCache: 5 }, "pairCache"],
        [{ pairCahce: 5 }, "did you mean pairCache?"],
        [{ pairCache: -1 }, "pairCache"],
        [{ topK: 5 }, "an option of rerank"],
        [{ task: "rerank" }, "task"],
      ])
        await failsWith("INVALID_ARGUMENT", Class.load(files.int8, options), mention);
    });

    test("cache is the cache of Corom", async () => {
      const { cache } = Class;
      assert.deepEqual(Object.keys(cache), Object.keys(Corom.cache));
      assert.equal(await cache.has({ "a.onnx": "" }, { cacheDir: "/nonexistent" }), false);
    });
  });
}

describe("a graph that is not fused", () => {
  test("gives the bits of a pair alone", async () => {
    const { max_length: maxLength, pairs } = rerankerGolden("two-labels");
    const reranker = await Here.load(rerankerFiles("two-labels"), { advanced: { fused: false }, maxLength, pairCache: 0 });
    assert.equal(reranker.info.fused, false);
    const texts = pairs.map(({ document }) => document);
    const whole = await reranker.rerank("阔腿裤", texts);
    for (const { index, text, logit } of whole) {
      assert.deepEqual([(await reranker.rerank("阔腿裤", [text]))[0].logit, text], [logit, texts[index]]);
    }
    const [{ query, document, logit }] = pairs;
    assertClose([(await reranker.rerank(query, [document]))[0].logit], [logit], 1e-4);
    reranker.free();
  });
});

describe("several workers", () => {
  test("give the results of one, bit by bit, and start again after unload()", async () => {
    const one = await Here.load(files.int8);
    const pool = await InWorker.load(files.int8, { workers: 3 });
    assert.equal(pool.info.workers, 3);
    const due = await one.rerank("加厚 高腰", DOCUMENTS);
    assert.deepEqual(await pool.rerank("加厚 高腰", DOCUMENTS), due);
    const calls = QUERIES.slice(0, 6).map((query) => pool.score(query, DOCUMENTS));
    for (const [i, scores] of (await Promise.all(calls)).entries()) assert.deepEqual(scores, await one.score(QUERIES[i], DOCUMENTS));
    await pool.unload();
    await later(10);
    assert.equal(pool.info.wasmMemory, 0);
    assert.deepEqual(await pool.rerank("加厚 高腰", DOCUMENTS), due, "from the pair cache, without a worker");
    assert.equal(pool.info.wasmMemory, 0);
    assert.deepEqual(await pool.score("包邮", DOCUMENTS), await one.score("包邮", DOCUMENTS));
    assert.ok(pool.info.wasmMemory > 0);
    pool.free();
    one.free();
  });

  test("run beside a model that embeds", async () => {
    const corom = await CoromInWorker.load(filesOf(exportFolder("legacy-op14"), ["config.json", "tokenizer.json", "model.onnx"]), { pooling: "cls" });
    const reranker = await InWorker.load(files.int8);
    const titles = ["阔腿裤", "牛仔裤", "保温杯"];
    const found = await corom.rank("裤", titles, { topK: 2 });
    const best = await reranker.rerank("裤", found.map(({ text }) => text));
    assert.equal(best.length, 2);
    corom.free();
    reranker.free();
  });
});
