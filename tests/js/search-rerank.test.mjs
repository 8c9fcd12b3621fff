// The models of a catalog: which ones `attach` takes, and `rerank` of `search`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { DIMENSION, buildCatalog, idsOf, randomVector } from "./support/catalogs.mjs";
import { CoromReranker, failsWith } from "./support/corom.mjs";
import { trainedFiles } from "./support/rerankers.mjs";

const ends = [];
let shop;
before(async () => {
  const built = buildCatalog({ after: (end) => ends.push(end) });
  shop = await Catalog.load(built.catalog);
});
after(() => {
  shop.free();
  for (const end of ends) end();
});

const sumOf = ({ explanation }) => explanation.parts.reduce((sum, { value }) => sum + value, 0);

describe("rerank of Catalog.search", () => {
  test("sorts the first hits by the scores of a real reranker, page by page", async () => {
    const reranker = await CoromReranker.load(await trainedFiles("int8"), { quality: "exact" });
    shop.attach(null, { reranker });
    const query = "女 鞋";
    const options = { matching: "any", explain: true };
    const plain = await shop.search(query, { ...options, topK: 40 });
    const partials = [];
    const onPartial = (result, { done, total }) => partials.push([idsOf(result).length, done, total]);
    const ranked = await shop.search(query, { ...options, topK: 40, rerank: { depth: 12, onPartial } });

    const scores = await reranker.score(query, plain.hits.slice(0, 12).map(({ fields }) => fields.title));
    const expected = plain.hits.slice(0, 12).map(({ id }, i) => ({ id, score: scores[i] }));
    const sorted = [...expected].sort((a, b) => b.score - a.score);
    assert.deepEqual(ranked.hits.slice(0, 12).map(({ scores }) => scores.rerank), sorted.map(({ score }) => score));
    assert.deepEqual(new Set(idsOf(ranked).slice(0, 12)), new Set(idsOf(plain).slice(0, 12)));
    assert.deepEqual(idsOf(ranked).slice(12), idsOf(plain).slice(12), "the others keep their places");
    assert.deepEqual([ranked.total, ranked.mode], [plain.total, plain.mode]);
    assert.ok(ranked.timing.rerank > 0 && partials.length > 0);
    assert.deepEqual(partials.at(-1), [plain.hits.length, 12, 12]);
    for (const hit of ranked.hits) {
      assert.ok(Math.abs(sumOf(hit) - hit.score) < 1e-5, "the parts of the score still add up to it");
      const before = plain.hits.find(({ id }) => id === hit.id);
      assert.deepEqual({ ...hit.scores, rerank: null }, { ...before.scores, rerank: null });
    }
    assert.ok(ranked.hits.slice(12).every((hit) => hit.scores.rerank === null));

    const page = await shop.search(query, { ...options, topK: 5, offset: 10, rerank: { depth: 12 } });
    assert.deepEqual(idsOf(page), idsOf(ranked).slice(10, 15));
    const few = await shop.search(query, { ...options, topK: 3, rerank: true });
    const fifty = await shop.search(query, { ...options, topK: 50, rerank: { depth: 50 } });
    assert.deepEqual(idsOf(few), idsOf(fifty).slice(0, 3));
    assert.deepEqual(structuredClone(few), few);
    reranker.free();
    await failsWith("FREED", () => shop.search(query, { rerank: true }));
  });

  test("keeps pinned hits first, hands on the budget and the signal, and reads the field that is named", async () => {
    const calls = [];
    const rerank = async (query, texts, options) => {
      calls.push([query, texts, options]);
      return texts.map((text, index) => ({ index, score: 1 - index / 100, text })).reverse();
    };
    shop.attach({ rerank });
    const plain = await shop.search("耐克", { topK: 9 });
    const pinned = [idsOf(plain)[4]];
    const stop = new AbortController();
    const rerankOption = { depth: 5, field: "brand", budgetMs: 30 };
    const found = await shop.search("耐克", { topK: 9, pinned, rerank: rerankOption, signal: stop.signal });
    const others = idsOf(await shop.search("耐克", { topK: 9, pinned })).slice(1);
    assert.deepEqual(idsOf(found), [...pinned, ...others.slice(0, 5).reverse(), ...others.slice(5)]);
    const [[query, texts, { budgetMs, signal }]] = calls;
    assert.deepEqual([query, budgetMs, signal.aborted], ["耐克", 30, false]);
    assert.ok(texts.every((text) => text === "Nike 耐克"));
    // Without a text nothing is reranked: an empty query browses.
    await shop.search("", { rerank: true });
    await shop.search("耐克", { rerank: false });
    assert.equal(calls.length, 1);
    // Documents without a score, because the time was over, keep their order at the end.
    shop.attach({ rerank: async (_, texts) => [{ index: 2, score: 0.9 }, ...[...texts.keys()].filter((i) => i !== 2).map((index) => ({ index }))] });
    const partly = await shop.search("耐克", { topK: 4, rerank: { depth: 4 } });
    const [a, b, c, d] = idsOf(plain);
    assert.deepEqual(idsOf(partly), [c, a, b, d]);
    assert.deepEqual(partly.hits.map(({ scores }) => scores.rerank), [0.9, null, null, null]);
    shop.attach(null);
    await failsWith("INVALID_ARGUMENT", () => shop.search("耐克", { rerank: true }), "attach");
  });

  test("has the same hits, total and facets on every page, and reranks no page after the first hits", async () => {
    const vector = randomVector();
    let calls = 0;
    const rerank = async (query, texts) => (calls++, texts.map((text, index) => ({ index, score: index / 100, text })).reverse());
    shop.attach(null, { reranker: { rerank } });
    const pinned = ["p9", "p17"];
    for (const options of [{}, { semanticThreshold: -1000 }, { semanticThreshold: 3, pinned }, { semanticThreshold: -1000, pinned }]) {
      const all = { ...options, vector, facets: ["shop"], highlight: false };
      const pageAt = (offset, depth) => shop.search("女", { ...all, topK: 7, offset, rerank: { depth } });
      for (const depth of [3, 7, 10, 30]) {
        calls = 0;
        const pages = [await pageAt(0, depth)];
        for (let offset = 7; offset < pages[0].total; offset += 7) pages.push(await pageAt(offset, depth));
        const ids = pages.flatMap(idsOf);
        assert.deepEqual(new Set(pages.map(({ total, facets }) => JSON.stringify([total, facets]))).size, 1);
        assert.deepEqual([ids.length, new Set(ids).size], [pages[0].total, pages[0].total], `${depth}: hits twice or missing`);
        assert.equal(calls, Math.min(Math.ceil(Math.max(depth, 7) / 7), pages.length));
        const plain = await shop.search("女", { ...all, topK: Math.max(depth, 7) });
        assert.deepEqual(idsOf(plain).sort(), ids.slice(0, plain.hits.length).sort());
        assert.ok(pages.at(-1).hits.every(({ scores }) => "rerank" in scores));
      }
    }
    await failsWith("INVALID_ARGUMENT", () => shop.search("女", { rerank: true, offset: 9_999 }), "topK");
    await failsWith("INVALID_ARGUMENT", () => shop.search("女", { rerank: true, offset: 10_000 }), "topK");
    await failsWith("INVALID_ARGUMENT", () => shop.search("女", { rerank: { depth: 10_001 } }), "topK");
    shop.attach(null);
  });

  test("rejects options that contradict it, with their place", async () => {
    shop.attach({ rerank: async () => [] });
    for (const [query, options, ...mentions] of [
      ["鞋", { rerank: 5 }, "rerank", "true"],
      ["鞋", { rerank: { dept: 5 } }, "rerank.dept", "depth"],
      ["鞋", { rerank: { topK: 5 } }, "search"],
      ["鞋", { rerank: { depth: 0 } }, "rerank.depth"],
      ["鞋", { rerank: { budgetMs: -1 } }, "rerank.budgetMs"],
      ["鞋", { rerank: { onPartial: 1 } }, "rerank.onPartial"],
      ["鞋", { rerank: { field: "name" } }, "rerank.field", "title, brand"],
      ["鞋", { rerank: true, sort: "price" }, "sort"],
      [randomVector(), { rerank: true }, "text"],
    ]) {
      await failsWith("INVALID_ARGUMENT", () => shop.search(query, options), ...mentions);
    }
    await failsWith("INVALID_ARGUMENT", () => shop.similar("p1", { rerank: true }), "rerank");
    shop.attach(null);
  });
});

describe("Catalog.attach", () => {
  const embedder = (more) => ({ info: { dimension: DIMENSION, ...more }, embed: async () => randomVector() });

  test("takes a model and a reranker, one after the other or together, and null", async () => {
    const reranker = { rerank: async (_, texts) => texts.map((_, index) => ({ index, score: 0 })) };
    const state = async () => {
      const { mode } = await shop.search("女");
      const isReranked = await shop.search("女", { rerank: true }).then(() => true, () => false);
      return `${mode} ${isReranked}`;
    };
    shop.attach(embedder());
    assert.equal(await state(), "hybrid false");
    shop.attach(reranker);
    assert.equal(await state(), "hybrid true");
    shop.attach(embedder());
    assert.equal(await state(), "hybrid true");
    shop.attach(null);
    assert.equal(await state(), "keyword false");
    assert.equal(shop.attach(embedder(), { reranker }), shop);
    assert.equal(await state(), "hybrid true");
    shop.attach(null, { reranker });
    assert.equal(await state(), "keyword true");
    shop.attach(null);
    for (const [model, options, ...mentions] of [
      [7, {}, "model"],
      [{ embed() {} }, {}, "model"],
      [embedder(), { reranker: {} }, "reranker"],
      [embedder(), { rerank: reranker }, "did you mean reranker"],
      [reranker, { reranker }, "reranker already"],
    ]) {
      await failsWith("INVALID_ARGUMENT", async () => shop.attach(model, options), ...mentions);
    }
  });

  test("refuses a model of another lineage, and one of another dimension", async () => {
    const { vectors } = shop.info;
    const of = (lineage) => ({ ...shop.info, vectors: { ...vectors, lineage } });
    const { attachedModels } = await import("../../pkg/lib/search/attached.js");
    const attach = (model, catalog) => attachedModels({}, of(catalog), embedder({ lineage: model })).embedder !== undefined;
    for (const [model, catalog] of [["a", "a"], [undefined, "a"], [null, "a"], ["a", undefined]]) assert.ok(attach(model, catalog));
    await failsWith("MODEL_MISMATCH", async () => attach("a", "b"), "lineage is a", "catalog b");
    const error = async () => attachedModels({}, { ...shop.info, vectors: null }, embedder());
    await failsWith("INVALID_ARGUMENT", error, "without vectors");
    await failsWith("MODEL_MISMATCH", async () => shop.attach(embedder({ dimension: 3 })), "3 dimensions");
  });
});
