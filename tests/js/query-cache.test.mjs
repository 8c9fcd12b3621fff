// The cache of query vectors: what it keeps, and that results are the same with and without it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { QueryCache } from "../../pkg/lib/query-cache.js";
import { Runtime } from "../../pkg/lib/runtime.js";
import { Corom, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");
const [QUERY, ...DOCUMENTS] = golden("legacy-op14").texts.slice(1);
/** A vector with its report, as lib/corom.js keeps it. */
const result = (x) => ({
  data: Float32Array.of(x, x + 1),
  report: { tokens: Uint32Array.of(x), truncated: Uint8Array.of(0), unknown: Uint32Array.of(1) },
});

describe("QueryCache", () => {
  test("drops the least recently used text", () => {
    const cache = new QueryCache(2);
    cache.set("a", result(1));
    cache.set("b", result(2));
    cache.get("a");
    cache.set("c", result(3));
    assert.deepEqual(
      ["a", "b", "c"].map((text) => cache.get(text)?.data[0]),
      [1, undefined, 3],
    );
    cache.set("a", result(4)); // replaced: no other text is dropped
    assert.deepEqual(
      ["a", "c"].map((text) => cache.get(text)?.data[0]),
      [4, 3],
    );
    cache.clear();
    assert.equal(cache.get("a"), undefined);
  });

  test("stores and returns copies", () => {
    const cache = new QueryCache(2);
    const given = result(1);
    cache.set("a", given);
    given.data.fill(9);
    given.report.tokens.fill(9);
    cache.get("a").data.fill(9);
    cache.get("a").report.unknown.fill(9);
    assert.deepEqual(cache.get("a"), result(1));
  });

  test("keeps nothing if its size is 0, and no texts over 1024 characters", () => {
    const none = new QueryCache(0);
    none.set("a", result(1));
    assert.equal(none.get("a"), undefined);
    const cache = new QueryCache(5);
    cache.set("a".repeat(1024), result(1));
    cache.set("a".repeat(1025), result(1));
    assert.deepEqual(cache.get("a".repeat(1024)), result(1));
    assert.equal(cache.get("a".repeat(1025)), undefined);
  });

  test("distinguishes texts that look alike", () => {
    const cache = new QueryCache(9);
    const texts = ["", " ", "__proto__", "\ud800", "\ufffd", "e\u0301", "é"];
    texts.forEach((text, i) => cache.set(text, result(i)));
    texts.forEach((text, i) => assert.deepEqual(cache.get(text), result(i)));
  });
});

describe("Corom with a query cache", () => {
  // The number of texts of each job that is started in WebAssembly.
  let jobs;
  const { call } = Runtime.prototype;
  beforeEach(() => {
    jobs = [];
    Runtime.prototype.call = function (work) {
      return call.call(this, (bindings) => {
        const result = work(bindings);
        if (result?.constructor?.name === "EmbedJob") jobs.push(result.total);
        return result;
      });
    };
  });
  afterEach(() => (Runtime.prototype.call = call));

  test("embeds a query once for embed, score and rank", async () => {
    const corom = await Corom.load(FOLDER);
    const first = await corom.embed(QUERY);
    assert.deepEqual(jobs, [1]);
    const scores = await corom.score(QUERY, DOCUMENTS);
    assert.deepEqual(jobs, [1, DOCUMENTS.length], "only the documents are embedded");
    await corom.rank(QUERY, DOCUMENTS);
    assert.deepEqual(jobs, [1, DOCUMENTS.length, DOCUMENTS.length]);
    assert.deepEqual((await corom.embed([QUERY])).data, first);
    assert.equal(jobs.length, 3);
    assert.deepEqual(await corom.score(QUERY, DOCUMENTS), scores);
    corom.free();
  });

  test("gives the same bits with and without the cache", async () => {
    const cached = await Corom.load(FOLDER);
    const plain = await Corom.load(FOLDER, { queryCache: 0 });
    const calls = [
      (corom) => corom.rank(QUERY, DOCUMENTS),
      (corom) => corom.embed(QUERY),
      (corom) => corom.score(QUERY, DOCUMENTS, { metric: "cosine" }),
    ];
    for (const each of [...calls, ...calls]) assert.deepEqual(await each(cached), await each(plain));
    const before = jobs.length;
    await plain.embed(QUERY);
    assert.equal(jobs.length, before + 1, "queryCache: 0 turns the cache off");
    cached.free();
    plain.free();
  });

  test("returns copies, so that a caller cannot change a later result", async () => {
    const corom = await Corom.load(FOLDER);
    const whole = await corom.embed([QUERY, ...DOCUMENTS]);
    const first = await corom.embed(QUERY);
    const kept = first.slice();
    first.fill(0);
    const second = await corom.embed(QUERY);
    assert.deepEqual(second, kept);
    second.fill(0);
    assert.deepEqual(await corom.embed(QUERY), kept);
    assert.equal(whole.rows, 1 + DOCUMENTS.length);
    corom.free();
  });

  test("keeps nothing of a call that failed or was aborted, and nothing after free()", async () => {
    const corom = await Corom.load(FOLDER);
    await failsWith("INVALID_ARGUMENT", corom.embed(QUERY, { prompt: "unknown" }));
    await failsWith("INVALID_ARGUMENT", corom.embed(QUERY, { prompt: "unknown" }));
    jobs = [];
    const controller = new AbortController();
    const aborted = corom.embed(QUERY, { signal: controller.signal });
    controller.abort();
    await assert.rejects(aborted, { name: "AbortError" });
    await corom.embed(QUERY);
    assert.deepEqual(jobs, [1]);
    corom.free();
    await failsWith("FREED", corom.embed(QUERY));
  });

  test("rejects an invalid queryCache with INVALID_ARGUMENT", async () => {
    for (const queryCache of [-1, 1.5, NaN, "5", true])
      await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { queryCache }), "queryCache");
  });
});
