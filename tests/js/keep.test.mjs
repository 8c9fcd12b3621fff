// `keep`: vectors that stay with the model between calls, on this thread and in one and two workers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Corom as InWorker } from "corom/worker";
import { Embeddings } from "corom";
import { Corom, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");
const { texts: TEXTS, max_length: maxLength } = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength };
const [QUERY, ...DOCUMENTS] = TEXTS;
const SCRIPT = new URL("../../pkg/worker-thread-node.js", import.meta.url);

const CLASSES = [
  ["corom", (options) => Corom.load(FOLDER, { ...OPTIONS, ...options })],
  ["corom/worker", (options) => InWorker.load(FOLDER, { ...OPTIONS, ...options })],
  ["corom/worker with two workers", (options) => InWorker.load(FOLDER, { ...OPTIONS, ...options, workers: 2 })],
];

for (const [name, load] of CLASSES) {
  describe(`keep of ${name}`, () => {
    let corom;
    let rows;
    before(async () => {
      corom = await load();
      const vector = Array.from(await corom.embed(QUERY));
      rows = Array.from({ length: 2500 }, (_, i) => vector.map((x, j) => x + (j === 0 ? i : 0)));
    });
    after(() => corom.free());

    test("gives the scores and ranks of the texts and the vectors, again and again", async () => {
      const vectors = await corom.embed(DOCUMENTS);
      for (const documents of [DOCUMENTS, vectors, vectors.toArray(), [...vectors], JSON.parse(JSON.stringify(vectors))]) {
        const kept = await corom.keep(documents);
        assert.deepEqual([kept.rows, kept.dimension, Object.isFrozen(kept)], [DOCUMENTS.length, 32, true]);
        for (const metric of ["dot", "cosine", "l2", "l1", "dot"]) {
          assert.deepEqual(await corom.score(QUERY, kept, { metric }), await corom.score(QUERY, vectors, { metric }));
          const expected = await corom.rank(QUERY, vectors, { metric, topK: 3 });
          assert.deepEqual(await corom.rank(QUERY, kept, { metric, topK: 3 }), expected);
        }
        kept.free();
      }
      const none = await corom.keep([]);
      assert.deepEqual(await corom.rank(QUERY, none), []);
    });

    test("keeps more vectors than a portion", async () => {
      const kept = await corom.keep(Embeddings.from(rows));
      for (let i = 0; i < 2; i++) {
        const ranked = await corom.rank(QUERY, kept, { metric: "l1" });
        assert.deepEqual(ranked.map(({ index }) => index), [...rows.keys()]);
      }
      const both = await Promise.all([corom.score(QUERY, kept), corom.score(rows[1], kept)]);
      assert.deepEqual(both[1], await corom.score(rows[1], rows));
      kept.free();
    });

    test("copies the vectors that it is given", async () => {
      const vectors = await corom.embed(DOCUMENTS);
      const kept = await corom.keep(vectors);
      const expected = await corom.score(QUERY, kept);
      vectors.data.fill(0);
      assert.deepEqual(await corom.score(QUERY, kept), expected);
      kept.free();
    });

    test("takes constant memory when vectors are kept and freed many times", async () => {
      const cycle = async () => {
        const kept = await corom.keep(rows);
        await corom.rank(QUERY, kept, { topK: 1 });
        kept.free();
        kept.free();
      };
      await cycle();
      await cycle();
      const before = corom.info.wasmMemory;
      for (let i = 0; i < 20; i++) await cycle(); // 20 times 320 KB
      assert.ok(corom.info.wasmMemory - before < 2 << 20, `${corom.info.wasmMemory - before} bytes`);
    });

    test("reports progress, and rejects with the signal's reason", async () => {
      const events = [];
      (await corom.keep(DOCUMENTS, { onProgress: (event) => events.push(event) })).free();
      assert.equal(events.at(-1).done, DOCUMENTS.length);
      const reason = new Error("mine");
      await assert.rejects(corom.keep(DOCUMENTS, { signal: AbortSignal.abort(reason) }), reason);
    });

    test("rejects freed vectors, those of another instance, and wrong arguments", async () => {
      const kept = await corom.keep(DOCUMENTS);
      await failsWith("INVALID_ARGUMENT", corom.keep(kept), "kept already");
      await failsWith("INVALID_ARGUMENT", corom.score(kept, kept), "query");
      const other = await load();
      await failsWith("INVALID_ARGUMENT", other.rank(QUERY, kept), "another instance");
      other.free();
      kept.free();
      await failsWith("INVALID_ARGUMENT", corom.rank(QUERY, kept), "were freed");
      const waiting = await corom.keep(DOCUMENTS);
      const running = corom.embed(Array(300).fill("阔腿裤女冬牛仔"));
      const late = failsWith("INVALID_ARGUMENT", corom.rank(QUERY, waiting), "were freed");
      waiting.free();
      await Promise.all([running, late]);
      for (const value of [undefined, null, 5, "裤", {}, [5], [[1, 2]]])
        await failsWith("INVALID_ARGUMENT", corom.keep(value), "documents");
      await failsWith("INVALID_ARGUMENT", corom.keep(DOCUMENTS, { topK: 5 }), "topK");
      const own = await load();
      const last = await own.keep(DOCUMENTS);
      own.free();
      await failsWith("FREED", own.rank(QUERY, last));
      await failsWith("FREED", own.keep(DOCUMENTS));
      last.free();
    });
  });
}

test("kept vectors survive a worker that ends", async () => {
  const workers = [];
  const worker = () => (workers.push(new Worker(SCRIPT)), workers.at(-1));
  const corom = await InWorker.load(FOLDER, { ...OPTIONS, worker });
  const kept = await corom.keep(DOCUMENTS);
  const expected = await corom.rank(QUERY, kept);
  await workers[0].terminate();
  assert.deepEqual(await corom.rank(QUERY, kept), expected);
  await corom.unload();
  assert.deepEqual(await corom.rank(QUERY, kept), expected);
  assert.equal(workers.length, 3);
  corom.free();
});
