// The calls of `CoromReranker` with an engine that scores pairs by a formula: portions, partial results, the time budget,
// the pair cache, aborts, and the order of results.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loaded } from "../../pkg/lib/model-instance.js";
import { PairCache } from "../../pkg/lib/pair-cache.js";
import { CoromReranker } from "../../pkg/lib/reranker.js";
import { CoromError, failsWith } from "./support/corom.mjs";

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Documents whose logit is the number that they begin with. */
const DOCUMENTS = Array.from({ length: 30 }, (_, i) => `${(i * 7) % 11} title ${i}`);
const logitOf = (query, text) => Number.parseFloat(text) - query.length;
const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

/** Returns a reranker, and the texts of each portion that its engine got. `work(texts)` runs before each answer. */
function reranker({ work, parallel = 1, pairCache } = {}) {
  const portions = [];
  const engine = {
    info: {},
    parallel,
    async rerank(query, texts, { signal, onDone }) {
      portions.push(texts);
      await later(0);
      await work?.(texts);
      if (!signal?.aborted) onDone?.(1);
      const logits = Float32Array.from(texts, (text) => logitOf(query, text));
      return { logits, scores: logits.map(sigmoid) };
    },
    free() {},
  };
  return { reranker: new CoromReranker(loaded, engine, { pairCache }), portions };
}
const sizesOf = (portions) => portions.map(({ length }) => length);
const indicesOf = (results) => results.map(({ index }) => index);
/** The indices of the documents, best first; those from `scored` on in their own order below the others. */
const expectedOrder = (scored = DOCUMENTS.length) => {
  const all = [...DOCUMENTS.keys()];
  const best = all.slice(0, scored).sort((a, b) => logitOf("", DOCUMENTS[b]) - logitOf("", DOCUMENTS[a]) || a - b);
  return [...best, ...all.slice(scored)];
};

describe("rerank", () => {
  test("sorts by logit, best first, and keeps the order of equal documents", async () => {
    const { reranker: one } = reranker();
    const results = await one.rerank("q", DOCUMENTS);
    assert.deepEqual(indicesOf(results), expectedOrder());
    const [best] = results;
    assert.deepEqual(Object.keys(best), ["index", "score", "logit", "text"]);
    assert.deepEqual([best.logit, best.score], [9, Math.fround(sigmoid(9))]);
    assert.equal(best.text, DOCUMENTS[best.index]);
    const saturated = await one.rerank("", ["200", "300", "-300", "-200", "100"]);
    assert.deepEqual(indicesOf(saturated), [1, 0, 4, 3, 2], "equal probabilities differ by logit");
    assert.deepEqual(await one.rerank("q", []), []);
  });

  test("returns at most topK documents", async () => {
    const { reranker: one } = reranker();
    for (const [topK, count] of [[0, 0], [1, 1], [7, 7], [1000, 30], [Infinity, 30], [Number.MAX_SAFE_INTEGER, 30]])
      assert.deepEqual(indicesOf(await one.rerank("q", DOCUMENTS, { topK })), expectedOrder().slice(0, count));
    for (const topK of [-1, 1.5, NaN, "3", true]) await failsWith("INVALID_ARGUMENT", one.rerank("q", DOCUMENTS, { topK }), "topK");
  });

  test("scores 5 pairs first, then more at a time, in the order of the documents", async () => {
    const { reranker: one, portions } = reranker();
    const many = Array.from({ length: 300 }, (_, i) => `${i}`);
    await one.rerank("q", many);
    assert.deepEqual(sizesOf(portions), [5, 10, 20, 40, 64, 64, 64, 33]);
    assert.deepEqual(portions.flat(), many);
  });

  test("scores a long list in few portions, and sorts it quickly", async () => {
    const { reranker: one, portions } = reranker({ pairCache: 0 });
    const many = Array.from({ length: 20_000 }, (_, i) => `${i}`);
    let partials = 0;
    const began = performance.now();
    const [best] = await one.rerank("q", many, { onPartial: () => partials++, topK: 1 });
    assert.ok(performance.now() - began < 10_000);
    assert.equal(best.index, 19_999);
    assert.ok(portions.length === partials && partials < 90 && Math.max(...sizesOf(portions)) <= 1024, `${partials}`);
  });

  test("gives every worker 5 pairs first, and small portions at the end", async () => {
    const { reranker: one, portions } = reranker({ parallel: 3 });
    const many = Array.from({ length: 200 }, (_, i) => `${i}`);
    const results = await one.rerank("q", many);
    assert.deepEqual(sizesOf(portions).slice(0, 3), [5, 5, 5]);
    assert.ok(sizesOf(portions).at(-1) <= 5, `${sizesOf(portions)}`);
    assert.deepEqual(indicesOf(results).slice(0, 3), [199, 198, 197]);
  });

  test("gives onPartial the list after each portion", async () => {
    const { reranker: one } = reranker();
    const seen = [];
    const results = await one.rerank("q", DOCUMENTS, { onPartial: (results, progress) => seen.push([results, progress]) });
    assert.deepEqual(seen.map(([, progress]) => progress), [5, 15, 30].map((done) => ({ done, total: 30 })));
    seen.forEach(([partial], i) => assert.deepEqual(indicesOf(partial), expectedOrder([5, 15, 30][i])));
    assert.deepEqual(seen[0][0].slice(5), DOCUMENTS.slice(5).map((text, i) => ({ index: i + 5, text })), "no score yet");
    assert.deepEqual(seen.at(-1)[0], results);
    const short = [];
    await reranker().reranker.rerank("q", DOCUMENTS, { topK: 3, onPartial: (results) => short.push(indicesOf(results)) });
    assert.deepEqual(short, [5, 15, 30].map((done) => expectedOrder(done).slice(0, 3)));
  });

  test("rejects with what onPartial and onProgress throw", async () => {
    const mine = new Error("mine");
    const thrower = () => {
      throw mine;
    };
    const { reranker: one } = reranker();
    await assert.rejects(one.rerank("q", DOCUMENTS, { onPartial: thrower }), mine);
    await assert.rejects(one.rerank("p", DOCUMENTS, { onProgress: thrower }), mine);
    assert.equal((await one.rerank("q", DOCUMENTS)).length, 30);
  });

  test("counts documents in onProgress, also equal ones and cached ones", async () => {
    const { reranker: one } = reranker();
    const same = [...DOCUMENTS, ...DOCUMENTS];
    for (const documents of [same, same, DOCUMENTS]) {
      const events = [];
      await one.rerank("q", documents, { onProgress: ({ done, total }) => events.push([done, total]) });
      assert.deepEqual(events.at(-1), [documents.length, documents.length]);
    }
  });

  test("tells which document an error is about", async () => {
    const work = (texts) => {
      const at = texts.indexOf(DOCUMENTS[17]);
      if (at >= 0) throw new CoromError("INVALID_ARGUMENT", `text ${at}: no place to cut`);
    };
    const { reranker: one } = reranker({ work });
    await one.rerank("q", DOCUMENTS.slice(3, 9));
    const error = await failsWith("INVALID_ARGUMENT", one.rerank("q", DOCUMENTS));
    assert.equal(error.message, "text 17: no place to cut");
  });
});

describe("budgetMs", () => {
  test("scores the first 5 pairs if no time is left, and keeps the order of the others", async () => {
    for (const budgetMs of [0, 0.5]) {
      const { reranker: one, portions } = reranker({ work: () => later(5) });
      const results = await one.rerank("q", DOCUMENTS, { budgetMs });
      assert.deepEqual(sizesOf(portions), [5]);
      assert.deepEqual(indicesOf(results), expectedOrder(5));
      assert.deepEqual(results.slice(5), DOCUMENTS.slice(5).map((text, i) => ({ index: i + 5, text })));
    }
  });

  test("scores what fits", async () => {
    const { reranker: one, portions } = reranker({ work: ({ length }) => later(50 * length) });
    const began = performance.now();
    const results = await one.rerank("q", DOCUMENTS, { budgetMs: 1000 });
    const time = performance.now() - began;
    const scored = portions.flat().length;
    assert.ok(scored > 5 && scored < 30, `${scored} pairs`);
    assert.ok(time < 3000, `${time} ms`);
    assert.deepEqual(indicesOf(results), expectedOrder(scored));
  });

  test("starts with the call", async () => {
    const { reranker: one, portions } = reranker({ work: () => later(40) });
    const before = one.rerank("before", DOCUMENTS.slice(0, 5));
    await one.rerank("q", DOCUMENTS, { budgetMs: 60 }); // it waits for 40 ms
    await before;
    assert.deepEqual(sizesOf(portions), [5, 5]);
  });

  test("is a number of at least 0", async () => {
    const { reranker: one } = reranker();
    for (const budgetMs of [-1, NaN, "5", true, {}])
      await failsWith("INVALID_ARGUMENT", one.rerank("q", DOCUMENTS, { budgetMs }), "budgetMs: got", "at least 0");
    for (const budgetMs of [null, undefined, Infinity, 1e308])
      assert.ok((await one.rerank("q", DOCUMENTS, { budgetMs })).every(({ logit }) => logit !== undefined));
  });
});

describe("the pair cache", () => {
  test("scores a pair once, and the same text once", async () => {
    const { reranker: one, portions } = reranker();
    const first = await one.rerank("q", [...DOCUMENTS, ...DOCUMENTS.slice(0, 9)]);
    assert.equal(first.length, 39);
    assert.deepEqual(portions.flat(), DOCUMENTS);
    const seen = [];
    const again = await one.rerank("q", DOCUMENTS, { onPartial: (results, progress) => seen.push([results, progress]) });
    assert.equal(portions.flat().length, 30, "all come from the cache");
    assert.deepEqual(seen, [[again, { done: 30, total: 30 }]]);
    const scores = await one.score("q", DOCUMENTS);
    assert.ok(scores instanceof Float32Array);
    assert.deepEqual([...scores], DOCUMENTS.map((text) => Math.fround(sigmoid(logitOf("q", text)))));
    assert.deepEqual(JSON.parse(JSON.stringify(scores)), [...scores]);
    await one.rerank("q", ["new", ...DOCUMENTS]);
    assert.deepEqual(portions.at(-1), ["new"]);
    await one.rerank("p", DOCUMENTS);
    assert.equal(portions.flat().length, 61, "another query");
  });

  test("is off with pairCache: 0", async () => {
    const { reranker: one, portions } = reranker({ pairCache: 0 });
    await one.rerank("q", DOCUMENTS);
    await one.rerank("q", DOCUMENTS);
    assert.equal(portions.flat().length, 60);
  });

  test("keeps the portions of a call that was aborted, and nothing after free()", async () => {
    const controller = new AbortController();
    const { reranker: one, portions } = reranker({ work: () => portions.length === 2 && controller.abort() });
    await assert.rejects(one.rerank("q", DOCUMENTS, { signal: controller.signal }), { name: "AbortError" });
    await one.rerank("q", DOCUMENTS.slice(0, 6));
    assert.deepEqual(portions.slice(2), [[DOCUMENTS[5]]]);
    one.free();
    await failsWith("FREED", one.rerank("q", DOCUMENTS));
    await failsWith("FREED", one.score("q", DOCUMENTS));
  });

  test("drops the least recently used pair, and keeps no long ones", () => {
    const cache = new PairCache(2);
    const pair = { logit: 1, score: 0.5 };
    cache.set("a", "1", pair);
    cache.set("a", "2", pair);
    cache.get("a", "1");
    cache.set("b", "1", pair);
    assert.deepEqual([cache.get("a", "1"), cache.get("a", "2"), cache.get("b", "1")], [pair, undefined, pair]);
    cache.set("q".repeat(24), "d".repeat(1000), pair);
    assert.equal(cache.get("q".repeat(24), "d".repeat(1000)), pair);
    cache.set("q".repeat(25), "d".repeat(1000), pair);
    assert.equal(cache.get("q".repeat(25), "d".repeat(1000)), undefined);
    cache.clear();
    assert.equal(cache.get("b", "1"), undefined);
  });

  test("distinguishes pairs whose texts are divided elsewhere", () => {
    const cache = new PairCache(9);
    const pairs = [["a", "bc"], ["ab", "c"], ["", "abc"], ["abc", ""], ["1 a", ""], ["", "1 a"], ["\ud800", ""], ["\ufffd", ""]];
    pairs.forEach(([query, text], i) => cache.set(query, text, { logit: i }));
    pairs.forEach(([query, text], i) => assert.equal(cache.get(query, text).logit, i));
  });
});

describe("an aborted call", () => {
  test("reports nothing more", async () => {
    const seen = [];
    const onPartial = () => seen.push("partial");
    const onProgress = () => seen.push("progress");
    const { reranker: one } = reranker({ work: () => later(5) });
    const first = one.rerank("q", DOCUMENTS, { abortPrevious: true, onPartial, onProgress });
    await later(2);
    const second = one.rerank("p", DOCUMENTS, { abortPrevious: true });
    await assert.rejects(first, { name: "AbortError" });
    seen.length = 0;
    await second;
    assert.deepEqual(seen, []);
  });

  test("rejects with the signal's reason", async () => {
    const { reranker: one } = reranker();
    const reason = new Error("enough");
    await assert.rejects(one.rerank("q", DOCUMENTS, { signal: AbortSignal.abort(reason) }), reason);
  });
});

describe("arguments", () => {
  const wrong = (call, ...mentions) => failsWith("INVALID_ARGUMENT", call, ...mentions);
  test("must be texts", async () => {
    const { reranker: one } = reranker();
    for (const query of [undefined, null, 5, ["q"], new Float32Array(4)]) {
      await wrong(one.rerank(query, DOCUMENTS), "query: got");
      await wrong(one.score(query, DOCUMENTS), "query: got");
      await wrong(one.tokenize(query, "d"), "query: got");
    }
    for (const documents of [undefined, null, "text", 5, new Set(["a"]), { 0: "a" }, [5], ["a", null], new Float32Array(4)]) {
      await wrong(one.rerank("q", documents), "documents");
      await wrong(one.score("q", documents), "documents");
    }
    await wrong(one.rerank("q", [{ index: 0, text: "a" }]), "documents.map(({ text }) => text)");
    await wrong(one.tokenize("q", ["d"]), "document: got");
  });

  test("name the option that is meant", async () => {
    const { reranker: one } = reranker();
    const rerank = (options) => one.rerank("q", DOCUMENTS, options);
    await wrong(rerank({ topk: 5 }), "did you mean topK?");
    await wrong(rerank({ top_n: 5 }), "topK");
    await wrong(rerank({ newestWins: true }), "abortPrevious");
    await wrong(rerank({ budget: 5 }), "did you mean budgetMs?");
    await wrong(rerank({ timeout: 5 }), "budgetMs");
    await wrong(rerank({ onpartial() {} }), "did you mean onPartial?");
    await wrong(rerank({ metric: "dot" }), "metric");
    await wrong(rerank({ onPartial: 5 }), "onPartial");
    await wrong(rerank(AbortSignal.timeout(1)), "options");
    await wrong(one.score("q", DOCUMENTS, { topK: 5 }), "an option of rerank");
    await wrong(one.tokenize("q", "d", { onProgress() {} }), "signal, abortPrevious");
    const nothing = { topK: null, budgetMs: null, onPartial: null, onProgress: null, signal: null, abortPrevious: null, other: null };
    assert.equal((await rerank(nothing)).length, 30);
  });

  test("are read when the call is made", async () => {
    const { reranker: one } = reranker();
    const documents = [...DOCUMENTS];
    const call = one.rerank("q", documents);
    documents.fill("changed");
    assert.deepEqual((await call).map(({ text }) => text), expectedOrder().map((i) => DOCUMENTS[i]));
  });

  test("work through a Proxy and apart from the instance", async () => {
    const { reranker: one } = reranker();
    const expected = await one.rerank("q", DOCUMENTS);
    assert.deepEqual(await new Proxy(one, {}).rerank("q", DOCUMENTS), expected);
    const { rerank } = one;
    assert.deepEqual(await rerank("q", DOCUMENTS), expected);
    assert.throws(() => new CoromReranker(), { code: "INVALID_ARGUMENT" });
  });
});
