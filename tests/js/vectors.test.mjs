// Vectors as arguments of calls, and what keeps them: Embeddings, JSON, structured clones.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import vm from "node:vm";
import { Embeddings } from "corom";
import { Corom as InWorker, Embeddings as EmbeddingsInWorker } from "corom/worker";
import { Corom, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const [QUERY, ...DOCUMENTS] = TEXTS;
const DIMENSION = 32;

/** Returns the Embeddings that `embed` yields for an iterable, as a list. */
async function parts(corom, texts) {
  const list = [];
  for await (const part of corom.embed(texts.values(), { batchSize: 3 })) list.push(part);
  return list;
}

for (const [name, Class] of [["corom", Corom], ["corom/worker", InWorker]]) {
  describe(`score and rank of ${name} with vectors`, () => {
    let corom;
    let query;
    let catalog;
    before(async () => {
      corom = await Class.load(FOLDER, { pooling: "cls", maxLength });
      query = await corom.embed(QUERY);
      catalog = await corom.embed(DOCUMENTS);
    });
    after(() => corom.free());

    test("give what they give for the texts, whatever the form of the vectors", async () => {
      const queries = {
        "a text": QUERY,
        "a Float32Array": query,
        "an array of numbers": Array.from(query),
        "Embeddings of one row": await corom.embed([QUERY]),
        "the JSON of a vector": JSON.parse(JSON.stringify(query)),
        "the JSON of a Float32Array": JSON.parse(JSON.stringify(query.slice())),
        "a structured clone": structuredClone(query),
        "another realm's vector": vm.runInNewContext("Float32Array.from(numbers)", { numbers: Array.from(query) }),
      };
      const documents = {
        texts: DOCUMENTS,
        Embeddings: catalog,
        "their JSON": JSON.parse(JSON.stringify(catalog)),
        "their structured clone": structuredClone(catalog),
        "arrays of numbers": catalog.toArray(),
        Float32Arrays: [...catalog],
        "the parts of an iteration": await parts(corom, DOCUMENTS),
        "views of one buffer": DOCUMENTS.map((_, i) => catalog.row(i)),
      };
      for (const metric of ["dot", "cosine", "l2", "l1"]) {
        const scores = await corom.score(QUERY, DOCUMENTS, { metric });
        const ranked = await corom.rank(QUERY, DOCUMENTS, { metric, topK: 3 });
        for (const [q, given] of Object.entries(queries)) {
          for (const [d, list] of Object.entries(documents)) {
            assert.deepEqual(await corom.score(given, list, { metric }), scores, `${metric}: ${q}, ${d}`);
            if (metric !== "l1") continue;
            const found = await corom.rank(given, list, { metric, topK: 3 });
            const expected = ranked.map(({ text, ...rest }) => (list === DOCUMENTS ? { ...rest, text } : rest));
            assert.deepEqual(found, expected, `${metric}: ${q}, ${d}`);
          }
        }
      }
      assert.deepEqual(await corom.rank(query, Embeddings.from([])), []);
      assert.deepEqual(await corom.score(query, []), new Float32Array(0));
    });

    test("compare more vectors than a portion, with every index", async () => {
      const rows = Array.from({ length: 2500 }, (_, i) => Array.from(query, (x, j) => x + (j === 0 ? i : 0)));
      const ranked = await corom.rank(query, rows, { metric: "l1" });
      assert.deepEqual(ranked.map(({ index }) => index), [...rows.keys()]);
      const scores = await corom.score(query, Embeddings.from(rows), { metric: "l1" });
      assert.ok(scores.every((score, i) => Math.abs(score + i) < 1e-3));
    });

    test("reject other vectors with INVALID_ARGUMENT and say what is wrong", async () => {
      const short = query.slice(1);
      await failsWith("INVALID_ARGUMENT", corom.score(short, catalog), "query: got 31 numbers; expected 32");
      await failsWith("INVALID_ARGUMENT", corom.score(QUERY, [query, short]), "documents[1]: got 31 numbers");
      await failsWith("INVALID_ARGUMENT", corom.score(QUERY, Embeddings.from([short])), "documents: got 31 numbers");
      await failsWith("INVALID_ARGUMENT", corom.score(catalog, catalog), "query", "a single vector");
      await failsWith("INVALID_ARGUMENT", corom.rank([...query.slice(1), NaN], catalog), "query[31]", "NaN");
      await failsWith("INVALID_ARGUMENT", corom.rank([...query.slice(1), "1"], catalog), "query[31]", "a number");
      await failsWith("INVALID_ARGUMENT", corom.rank(query, [query, "裤"]), "documents[1]");
      await failsWith("INVALID_ARGUMENT", corom.rank(query, ["裤", query]), "documents[1]");
      await failsWith("INVALID_ARGUMENT", corom.rank(query, query), "documents");
      await failsWith("INVALID_ARGUMENT", corom.rank(query, [null]), "documents[0]", "a string or a vector");
      await failsWith("INVALID_ARGUMENT", corom.rank(query, { ...catalog, rows: 99 }), "99 rows");
      const detached = query.slice();
      structuredClone(detached, { transfer: [detached.buffer] });
      await failsWith("INVALID_ARGUMENT", corom.rank(detached, catalog), "query", "transferred");
    });

    test("leave the vectors as they are", async () => {
      const [before, data] = [query.slice(), catalog.data.slice()];
      await corom.rank(query, catalog);
      await corom.rank(query, [...catalog]);
      assert.deepEqual([query, catalog.data], [before, data]);
    });
  });
}

describe("Embeddings", () => {
  let vectors;
  before(async () => {
    const corom = await Corom.load(FOLDER, { pooling: "cls", maxLength });
    vectors = await corom.embed(TEXTS);
    corom.free();
  });

  test("is the same class in every entry", () => assert.equal(Embeddings, EmbeddingsInWorker));

  test("comes back from JSON, a structured clone and both, with its report", () => {
    const text = JSON.stringify(vectors);
    for (const value of [
      text,
      `\ufeff${text}`,
      { ...structuredClone(vectors), truncated: Uint8Array.from(vectors.truncated) },
      JSON.parse(text),
      structuredClone(vectors),
      JSON.parse(JSON.stringify(structuredClone(vectors))),
      structuredClone(JSON.parse(text)),
      vectors,
    ]) {
      const again = Embeddings.from(value);
      assert.ok(again instanceof Embeddings);
      assert.deepEqual(again, vectors);
    }
    assert.deepEqual(Embeddings.from(JSON.stringify(Embeddings.from([]))), Embeddings.from([]));
  });

  test("has no public constructor", async () => {
    for (const args of [[], [new Float32Array(2), 1, 3]]) {
      await failsWith("INVALID_ARGUMENT", async () => new Embeddings(...args), "Embeddings.from");
    }
    await failsWith("INVALID_ARGUMENT", async () => Embeddings.from([]).row(0), "there are no rows");
  });

  test("writes vectors as arrays of numbers", () => {
    const expected = vectors.toArray();
    assert.deepEqual(expected.map((row) => Float32Array.from(row)), [...vectors]);
    assert.deepEqual(JSON.parse(JSON.stringify([...vectors])), expected);
    assert.deepEqual(JSON.parse(JSON.stringify(vectors.row(1))), expected[1]);
    assert.deepEqual(Embeddings.from(JSON.parse(JSON.stringify([...vectors]))).data, vectors.data);
  });

  test("comes back from bytes at any offset", () => {
    const bytes = new Uint8Array(vectors.data.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const shared = new SharedArrayBuffer(bytes.length);
    new Uint8Array(shared).set(bytes);
    for (const value of [bytes, bytes.buffer, Buffer.from(bytes), shifted.subarray(1), new DataView(bytes.buffer), shared]) {
      const again = Embeddings.from(value, { dimension: DIMENSION });
      assert.deepEqual([again.rows, again.data, again.tokens], [TEXTS.length, vectors.data, undefined]);
    }
    assert.deepEqual(Embeddings.from(vectors.data, { dimension: DIMENSION }).rows, TEXTS.length);
    assert.deepEqual(Embeddings.from(vectors.data).dimension, TEXTS.length * DIMENSION, "one row");
    assert.deepEqual(Embeddings.from(vectors.row(0)).rows, 1);
  });

  test("joins parts, and keeps the report if all have one", () => {
    const part = (at, end) => Embeddings.from({
      rows: end - at,
      dimension: DIMENSION,
      data: vectors.data.slice(at * DIMENSION, end * DIMENSION),
      tokens: vectors.tokens.slice(at, end),
      truncated: vectors.truncated.slice(at, end),
      unknown: vectors.unknown.slice(at, end),
    });
    assert.deepEqual(Embeddings.from([part(0, 2), part(2, 2), part(2, TEXTS.length)]), vectors);
    const mixed = Embeddings.from([part(0, TEXTS.length - 1), vectors.row(TEXTS.length - 1)]);
    assert.deepEqual([mixed.data, mixed.tokens], [vectors.data, undefined]);
    assert.deepEqual(Embeddings.from([], { dimension: DIMENSION }).dimension, DIMENSION);
  });

  test("iterates over copies that store only themselves", () => {
    for (const row of vectors) assert.equal(row.buffer.byteLength, row.byteLength);
    assert.equal(vectors.row(1).buffer, vectors.data.buffer, "row(i) is a view");
  });

  test("rejects anything else with INVALID_ARGUMENT", async () => {
    const rejects = (value, options, ...mentions) =>
      failsWith("INVALID_ARGUMENT", async () => Embeddings.from(value, options), ...mentions);
    for (const value of [undefined, null, 5, true, {}, () => [], new Map(), new Date()]) await rejects(value, undefined, "value");
    await rejects("{", undefined, "not JSON");
    await rejects(new Uint8Array(8), undefined, "dimension: corom.info.dimension");
    await rejects(new Uint8Array(7), { dimension: 1 }, "7 bytes");
    await rejects(new Uint8Array(12), { dimension: 2 }, "3 numbers");
    await rejects([[1, 2], [1, 2, 3]], undefined, "value[1]: got 3 numbers; expected 2, as value[0]");
    await rejects([[1, 2]], { dimension: 3 }, "2 numbers; expected 3");
    await rejects([[1, Infinity]], undefined, "value[0][1]");
    await rejects([1, 1e39], undefined, "value[1]");
    await rejects([[1], "a"], undefined, "value[1]");
    await rejects([[1]], { dimensions: 1 }, "dimensions", "did you mean dimension?");
    await rejects([[1]], { dimension: 0 }, "dimension");
    await rejects({ rows: 2, dimension: 2, data: [1, 2, 3] }, undefined, "3 numbers; expected 2 rows of 2");
    await rejects({ rows: 1, dimension: 1, data: [1], tokens: [1] }, undefined, "truncated");
    await rejects({ rows: 1, dimension: 1, data: [1], tokens: [1], truncated: [true, false], unknown: [0] }, undefined, "2 values");
    const reported = (report) => ({ rows: 1, dimension: 1, data: [1], tokens: [1], truncated: [true], unknown: [0], ...report });
    for (const value of [1.5, -1, NaN, 2 ** 32]) {
      await rejects(reported({ tokens: [value] }), undefined, "value.tokens[0]", "a whole number");
      await rejects(reported({ unknown: [value] }), undefined, "value.unknown[0]", "a whole number");
    }
    for (const value of ["no", 2, NaN, null]) await rejects(reported({ truncated: [value] }), undefined, "value.truncated[0]", "a boolean");
    const hostile = Object.defineProperty({ data: [1] }, "rows", { get: () => { throw new Error("mine"); } });
    await rejects(hostile, undefined, "mine");
  });
});
