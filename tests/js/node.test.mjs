// The API in Node: every call.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Runtime } from "../../pkg/lib/runtime.js";
import { Corom, CoromError, assertClose, cosine, dot, failsWith, maxAbs } from "./support/corom.mjs";
import { FIXTURES, MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const NAME = "legacy-op14";
const FOLDER = exportFolder(NAME);
const GOLDEN = golden(NAME);
const OPTIONS = { maxLength: GOLDEN.max_length, pooling: "cls", precision: "f32" };
const CLS = GOLDEN.vectors.cls;
const TOLERANCE = GOLDEN.tolerance;

describe("a loaded model", () => {
  let corom;
  before(async () => (corom = await Corom.load(FOLDER, OPTIONS)));
  after(() => corom.free());

  test("says what it is", () => {
    const { info } = corom;
    assert.ok(Object.isFrozen(info));
    const { dimension, layers, heads, vocabSize, maxLength, pooling, normalize, dtype, simd } = info;
    assert.deepEqual(
      { dimension, layers, heads, vocabSize, maxLength, pooling, normalize, dtype },
      {
        dimension: 32,
        layers: 2,
        heads: 4,
        vocabSize: 326,
        maxLength: GOLDEN.max_length,
        pooling: "cls",
        normalize: false,
        dtype: "f32",
      },
    );
    assert.ok(["plain", "relaxed"].includes(simd));
    assert.match(info.backend, /cpu/);
    assert.match(info.version, /^\d+\.\d+\.\d+/);
    assert.ok(info.weightBytes > 10_000);
    assert.ok(info.wasmMemory > 1 << 20 && info.wasmMemory < 256 << 20);
    assert.equal(JSON.parse(JSON.stringify(info)).wasmMemory, info.wasmMemory);
  });

  test("embeds one text, several, and none", async () => {
    const one = await corom.embed(GOLDEN.texts[1]);
    assert.deepEqual([one.rows, one.dimension, one.data.length], [1, 32, 32]);
    assertClose(one.row(0), CLS[1], TOLERANCE);
    const many = await corom.embed(GOLDEN.texts);
    assert.equal(many.rows, GOLDEN.texts.length);
    for (const [i, row] of [...many].entries()) assertClose(row, CLS[i], TOLERANCE, GOLDEN.texts[i]);
    assert.equal(many.row(2).buffer, many.data.buffer, "a row is a view");
    for (const i of [-1, many.rows, 0.5, "0"]) await failsWith("INVALID_ARGUMENT", async () => many.row(i));
    const none = await corom.embed([]);
    assert.deepEqual([none.rows, none.dimension, none.data.length, [...none]], [0, 32, 0, []]);
  });

  test("scores by every metric", async () => {
    const [query, ...documents] = GOLDEN.texts.slice(1, 6);
    const [q, ...d] = CLS.slice(1, 6);
    const l2 = (a, b) => Math.hypot(...a.map((x, i) => x - b[i]));
    for (const [metric, by] of [
      ["dot", dot],
      ["cosine", cosine],
      ["l2", l2],
    ]) {
      assertClose(
        await corom.score(query, documents, { metric }),
        d.map((row) => by(q, row)),
        2e-3,
        metric,
      );
    }
    assert.deepEqual(await corom.score(query, documents), await corom.score(query, documents, { metric: "dot" }));
    assert.deepEqual(await corom.score(query, []), new Float32Array(0));
  });

  test("ranks best first, by every metric", async () => {
    const [query, ...documents] = GOLDEN.texts.slice(1, 8);
    for (const metric of ["dot", "cosine", "l2"]) {
      const scores = await corom.score(query, documents, { metric });
      const ranked = await corom.rank(query, documents, { metric });
      const sorted = [...scores.keys()].sort((a, b) =>
        metric === "l2" ? scores[a] - scores[b] : scores[b] - scores[a],
      );
      assert.deepEqual(
        ranked,
        sorted.map((index) => ({ index, score: scores[index], text: documents[index] })),
        metric,
      );
      assert.deepEqual(await corom.rank(query, documents, { metric, topK: 2 }), ranked.slice(0, 2));
    }
    assert.equal((await corom.rank(query, documents, { topK: 99 })).length, documents.length);
    assert.equal((await corom.rank(query, documents, { topK: Infinity })).length, documents.length);
    assert.deepEqual(await corom.rank(query, documents, { topK: 0 }), []);
    assert.deepEqual(await corom.rank(query, []), []);
    const ties = await corom.rank(query, ["手机", "手机", "手机"]);
    assert.deepEqual(
      ties.map(({ index }) => index),
      [0, 1, 2],
      "equal scores keep their order",
    );
    const itself = await corom.rank(query, [...documents, query], { metric: "l2" });
    assert.equal(itself[0].text, query);
  });

  test("answers ModelScope's pipeline as the card and as current releases do", async () => {
    const [a, b, c, d] = GOLDEN.texts.slice(1, 5);
    const [va, vb, vc, vd] = CLS.slice(1, 5);
    const one = await corom.pipeline({ source_sentence: [a], sentences_to_compare: [b, c, d] });
    assert.equal(one.text_embedding.length, 4);
    [va, vb, vc, vd].forEach((row, i) => assertClose(one.text_embedding[i], row, TOLERANCE));
    assertClose(one.scores, [dot(va, vb), dot(va, vc), dot(va, vd)], 2e-3);
    assert.ok(Array.isArray(one.scores));

    const sourcesOnly = { source_sentence: [a, b, c] };
    assertClose((await corom.pipeline(sourcesOnly)).scores, [dot(va, vb), dot(va, vc)], 2e-3);
    assert.deepEqual((await corom.pipeline(sourcesOnly, { modelscopeVersion: "latest" })).scores, []);
    assert.equal((await corom.pipeline(sourcesOnly, { modelscopeVersion: "latest" })).text_embedding.length, 3);
    const two = await corom.pipeline(
      { source_sentence: [a, b], sentences_to_compare: [c, d] },
      { modelscopeVersion: "latest" },
    );
    assertClose(two.scores, [dot(va, vb), dot(va, vc), dot(va, vd)], 2e-3, "row 0 against all the others");

    const bare = await corom.pipeline({ source_sentence: a, sentences_to_compare: b });
    assertClose(bare.scores, [dot(va, vb)], 2e-3);
    assert.deepEqual((await corom.pipeline({ source_sentence: a, sentences_to_compare: null })).scores, []);
    assert.deepEqual((await corom.pipeline({ source_sentence: "" })).scores, []);
  });

  test("tokenises, with offsets into the string", () => {
    GOLDEN.texts.forEach((text, i) => assert.deepEqual(corom.tokenize(text).ids, GOLDEN.input_ids[i], text));
    const text = "😀阔腿裤 iPhone";
    const { ids, tokens, offsets, truncated } = corom.tokenize(text);
    assert.equal(truncated, false);
    assert.deepEqual([ids.length, tokens[0], tokens.at(-1)], [tokens.length, "[CLS]", "[SEP]"]);
    assert.equal(offsets.length, tokens.length);
    const at = tokens.indexOf("阔");
    assert.equal(text.slice(...offsets[at]), "阔", "an emoji counts as two code units");
    assert.equal(corom.tokenize("阔".repeat(100)).truncated, true);
    assert.equal(corom.tokenize("阔".repeat(100)).ids.length, GOLDEN.max_length);
  });

  test("keeps the order of calls, and a failed one stops no other", async () => {
    const done = [];
    const calls = [
      corom.embed(GOLDEN.texts).then(() => done.push(1)),
      corom.embed([1]).catch(() => done.push("refused")),
      corom.rank("阔腿裤", ["手机"]).then(() => done.push(2)),
      corom.embed("裤").then(() => done.push(3)),
    ];
    await Promise.all(calls);
    assert.deepEqual(
      done.filter((entry) => entry !== "refused"),
      [1, 2, 3],
    );
  });

  test("copies the list that it was given", async () => {
    const texts = ["阔腿裤", "手机"];
    const promise = corom.embed(texts);
    texts[0] = 5;
    texts.length = 1;
    assert.equal((await promise).rows, 2);
  });
});

describe("signal", () => {
  let corom;
  before(async () => (corom = await Corom.load(FOLDER, OPTIONS)));
  after(() => corom.free());
  const many = Array.from({ length: 3000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);

  test("that was aborted before rejects with its reason", async () => {
    const reason = new Error("mine");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(corom.embed("a", { signal }), reason);
    await assert.rejects(corom.embed([], { signal }), reason);
    await assert.rejects(corom.score("a", ["b"], { signal }), reason);
    await assert.rejects(corom.rank("a", ["b"], { signal }), reason);
    await assert.rejects(corom.pipeline({ source_sentence: "a" }, { signal }), reason);
    await assert.rejects(Corom.load(FOLDER, { signal }), reason);
    await assert.rejects(corom.embed("a", { signal: AbortSignal.abort() }), { name: "AbortError" });
  });

  test("ends a call between batches, and the next one works", async () => {
    await corom.embed(many.slice(0, 100)); // warm
    const whole = await timed(() => corom.embed(many));
    const controller = new AbortController();
    let outcome;
    const cut = await timed(async () => {
      const promise = corom.embed(many, { signal: controller.signal }).catch((error) => (outcome = error));
      setTimeout(() => controller.abort(), 15);
      await promise;
    });
    assert.equal(outcome?.name, "AbortError");
    assert.ok(cut < whole / 2, `aborted after ${cut} ms of ${whole} ms`);
    assertClose((await corom.embed(GOLDEN.texts[1])).data, CLS[1], TOLERANCE);
  });

  test("that aborts a waiting call rejects it at once and leaves the running one", async () => {
    const controller = new AbortController();
    const running = corom.embed(many.slice(0, 600));
    const waiting = corom.embed("手机", { signal: controller.signal });
    const order = [];
    running.then(() => order.push("running"));
    const rejected = assert.rejects(waiting, { name: "AbortError" }).then(() => order.push("waiting"));
    setImmediate(() => controller.abort());
    await Promise.all([running, rejected]);
    assert.deepEqual(order, ["waiting", "running"]);
  });

  test("the event loop turns during a long call", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await corom.embed(many);
    clearInterval(timer);
    assert.ok(turns >= 3, `${turns} turns`);
  });

  test("ends a download", async () => {
    const files = filesOf(FOLDER, MODEL_FILES);
    let asked = 0;
    const stuck = await serveWith((name, response) => {
      asked++;
      if (name === "model.onnx")
        response.writeHead(200, { "content-length": 1000 }).write("half"); // and no more
      else fromFiles(files)(name, response);
    });
    const controller = new AbortController();
    const onProgress = ({ phase, file, loaded }) => {
      if (phase === "download" && file === "model.onnx" && loaded > 0) setImmediate(() => controller.abort());
    };
    await assert.rejects(Corom.load(stuck.address, { ...OPTIONS, signal: controller.signal, onProgress }), {
      name: "AbortError",
    });
    assert.ok(asked > 0);
    await stuck.close();
  });
});

describe("free", () => {
  test("makes every later call a typed error, and may be called twice", async () => {
    const corom = await Corom.load(FOLDER, OPTIONS);
    const { info } = corom;
    const running = corom.embed(Array(2000).fill("阔腿裤女冬牛仔"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    corom.free();
    corom.free();
    await failsWith("FREED", running);
    await failsWith("FREED", corom.embed("a"));
    await failsWith("FREED", corom.embed(5));
    await failsWith("FREED", corom.score("a", []));
    await failsWith("FREED", corom.rank("a", []));
    await failsWith("FREED", corom.pipeline({ source_sentence: "a" }));
    await failsWith("FREED", async () => corom.tokenize("a"));
    assert.equal(info.dimension, 32, "what it was can still be read");
    assert.equal(info.wasmMemory, 0);
  });

  test("is Symbol.dispose too", async () => {
    assert.equal(typeof Symbol.dispose, "symbol");
    const corom = await Corom.load(FOLDER, OPTIONS);
    corom[Symbol.dispose]();
    await failsWith("FREED", corom.embed("a"));
  });

  test("of one model leaves another alone", async () => {
    const [first, second] = await Promise.all([
      Corom.load(FOLDER, OPTIONS),
      Corom.load(exportFolder("legacy-op12"), OPTIONS),
    ]);
    assert.notEqual(first.info.dimension, second.info.dimension);
    const rest = second.embed(GOLDEN.texts);
    first.free();
    assert.equal((await rest).rows, GOLDEN.texts.length);
    second.free();
  });
});

test("memory comes back: fifty models, one after the other", async () => {
  const names = (await readdir(path.join(FIXTURES, "exports"), { withFileTypes: true }))
    .filter((e) => e.isDirectory())
    .map((e) => e.name);
  const used = () => process.memoryUsage().rss / 2 ** 20;
  const once = async (i) => {
    const corom = await Corom.load(exportFolder(names[i % names.length]), { maxLength: 16 });
    await corom.embed("阔腿裤");
    corom.free();
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  for (let i = 0; i < 10; i++) await once(i);
  const before = used();
  for (let i = 0; i < 50; i++) await once(i);
  assert.ok(used() - before < 400, `${used() - before} MiB more after 50 models`);
});

test("errors are CoromError, with code, name and cause", async () => {
  const error = await failsWith("MISSING_FILE", Corom.load("/nowhere/model"), "/nowhere/model");
  assert.ok(error instanceof Error && error instanceof CoromError);
  assert.equal(error.name, "CoromError");
  assert.equal(error.cause.code, "ENOENT");
  assert.match(error.stack, /^CoromError: /);
  await failsWith("INVALID_ARGUMENT", async () => new Corom(), "Corom.load");
});

test("a trap in a memory with little room left is OUT_OF_MEMORY, any other INTERNAL", async () => {
  const trapped = (memory) => async () =>
    new Runtime({}, memory, "plain").call(() => {
      throw new WebAssembly.RuntimeError("unreachable");
    });
  await failsWith("INTERNAL", trapped(new WebAssembly.Memory({ initial: 1 })));
  await failsWith("OUT_OF_MEMORY", trapped(new WebAssembly.Memory({ initial: 1, maximum: 4096 }))); // 256 MiB
  const large = { buffer: { byteLength: 3.5 * 2 ** 30 }, grow: () => 0 };
  await failsWith("OUT_OF_MEMORY", trapped(large));
});

test("the tests' own measure of a difference sees NaN and lengths", () => {
  assert.equal(maxAbs([1, 2, 3], [1, 2.5, 3]), 0.5);
  assert.equal(maxAbs([NaN, 1], [0, 1]), Infinity);
  assert.equal(maxAbs([0, 1], [0, NaN]), Infinity);
  assert.equal(maxAbs([0, 1], [0]), Infinity);
  assert.throws(() => assertClose([NaN, 1], [0, 1], 1));
});

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
