// Every call of the API in Node.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Runtime } from "../../pkg/lib/runtime.js";
import { Corom, CoromError, assertClose, cosine, dot, failsWith, maxAbs } from "./support/corom.mjs";
import { countMemories, untilMemories } from "./support/leaks.mjs";
import { MODEL_FILES, exportFolder, filesOf, fixtureNames, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const NAME = "legacy-op14";
const FOLDER = exportFolder(NAME);
const GOLDEN = golden(NAME);
const OPTIONS = { maxLength: GOLDEN.max_length, pooling: "cls", quality: "float" };
const CLS = GOLDEN.vectors.cls;
const TOLERANCE = GOLDEN.tolerance;

describe("a loaded model", () => {
  let corom;
  before(async () => (corom = await Corom.load(FOLDER, OPTIONS)));
  after(() => corom.free());

  test("describes itself in info", () => {
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

  test("embed takes one text, several, and none", async () => {
    const one = await corom.embed(GOLDEN.texts[1]);
    assert.ok(one instanceof Float32Array);
    assertClose(one, CLS[1], TOLERANCE);
    const list = await corom.embed([GOLDEN.texts[1]]);
    assert.deepEqual([list.rows, list.dimension, list.row(0)], [1, 32, one]);
    const many = await corom.embed(GOLDEN.texts);
    assert.equal(many.rows, GOLDEN.texts.length);
    for (const [i, row] of [...many].entries()) assertClose(row, CLS[i], TOLERANCE, GOLDEN.texts[i]);
    assert.equal(many.row(2).buffer, many.data.buffer, "a row is a view");
    for (const i of [-1, many.rows, 0.5, "0"]) await failsWith("INVALID_ARGUMENT", async () => many.row(i));
    const none = await corom.embed([]);
    assert.deepEqual([none.rows, none.dimension, none.data.length, [...none]], [0, 32, 0, []]);
  });

  test("score computes every metric", async () => {
    const [query, ...documents] = GOLDEN.texts.slice(1, 6);
    const [q, ...d] = CLS.slice(1, 6);
    const l2 = (a, b) => -Math.hypot(...a.map((x, i) => x - b[i]));
    const l1 = (a, b) => -a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0);
    for (const [metric, by] of [
      ["dot", dot],
      ["cosine", cosine],
      ["l2", l2],
      ["l1", l1],
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

  test("rank sorts best first, by every metric", async () => {
    const [query, ...documents] = GOLDEN.texts.slice(1, 8);
    for (const metric of ["dot", "cosine", "l2", "l1"]) {
      const scores = await corom.score(query, documents, { metric });
      const ranked = await corom.rank(query, documents, { metric });
      const sorted = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
      const distanceOf = (score) => (metric.startsWith("l") ? { distance: -score } : {});
      assert.deepEqual(
        ranked,
        sorted.map((index) => ({ index, score: scores[index], ...distanceOf(scores[index]), text: documents[index] })),
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
    assert.deepEqual(itself[0], { index: documents.length, score: 0, distance: 0, text: query });
  });

  test("tokenize gives ids, tokens and offsets into the string", async () => {
    for (const [i, text] of GOLDEN.texts.entries()) {
      assert.deepEqual((await corom.tokenize(text)).ids, GOLDEN.input_ids[i], text);
    }
    const text = "😀阔腿裤 iPhone";
    const { ids, tokens, offsets, truncated } = await corom.tokenize(text);
    assert.equal(truncated, false);
    assert.deepEqual([ids.length, tokens[0], tokens.at(-1)], [tokens.length, "[CLS]", "[SEP]"]);
    assert.equal(offsets.length, tokens.length);
    const at = tokens.indexOf("阔");
    assert.equal(text.slice(...offsets[at]), "阔", "an emoji counts as two code units");
    const long = await corom.tokenize("阔".repeat(100));
    assert.deepEqual([long.truncated, long.ids.length], [true, GOLDEN.max_length]);
  });

  test("runs calls in order, and a failed call stops no other", async () => {
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

  test("embed copies the list that it is given", async () => {
    const texts = ["阔腿裤", "手机"];
    const promise = corom.embed(texts);
    texts[0] = 5;
    texts.length = 1;
    assert.equal((await promise).rows, 2);
  });
});

describe("an aborted signal", () => {
  let corom;
  before(async () => (corom = await Corom.load(FOLDER, OPTIONS)));
  after(() => corom.free());
  const many = Array.from({ length: 3000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);

  test("rejects every call with its reason if it was aborted before", async () => {
    const reason = new Error("mine");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(corom.embed("a", { signal }), reason);
    await assert.rejects(corom.embed([], { signal }), reason);
    await assert.rejects(corom.score("a", ["b"], { signal }), reason);
    await assert.rejects(corom.rank("a", ["b"], { signal }), reason);
    await assert.rejects(corom.tokenize("a", { signal }), reason);
    await assert.rejects(Corom.load(FOLDER, { signal }), reason);
    await assert.rejects(corom.embed("a", { signal: AbortSignal.abort() }), { name: "AbortError" });
  });

  test("ends a running call at its next step, and the next call works", async (t) => {
    let steps = 0;
    let onStep = () => {};
    const { call } = Runtime.prototype;
    t.mock.method(Runtime.prototype, "call", function (work) {
      onStep(++steps);
      return call.call(this, work);
    });
    await corom.embed(many);
    const whole = steps;
    steps = 0;
    const controller = new AbortController();
    const abortAt = Math.floor(whole / 4);
    onStep = (step) => {
      if (step !== abortAt) return;
      controller.abort();
      // A call yields to the event loop after some milliseconds of work.
      for (const until = performance.now() + 20; performance.now() < until; );
    };
    await assert.rejects(corom.embed(many, { signal: controller.signal }), { name: "AbortError" });
    assert.ok(whole > 100 && steps <= abortAt + 2, `${steps} steps; aborted in step ${abortAt} of ${whole}`);
    assertClose(await corom.embed(GOLDEN.texts[1]), CLS[1], TOLERANCE);
  });

  test("rejects a waiting call before the running call is done", async () => {
    const controller = new AbortController();
    const running = corom.embed(many.slice(0, 600));
    const waiting = corom.embed("手机", { signal: controller.signal });
    const order = [];
    const done = running.then(() => order.push("running"));
    const rejected = assert.rejects(waiting, { name: "AbortError" }).then(() => order.push("waiting"));
    setImmediate(() => controller.abort());
    await Promise.all([done, rejected]);
    assert.deepEqual(order, ["waiting", "running"]);
  });

  test("can be aborted by a timer, because a long call yields to the event loop", async () => {
    const order = [];
    const controller = new AbortController();
    setTimeout(() => {
      order.push("timer");
      controller.abort();
    }, 1);
    await assert.rejects(corom.embed(many, { signal: controller.signal }), { name: "AbortError" });
    order.push("rejected");
    assert.deepEqual(order, ["timer", "rejected"]);
  });

  test("ends a download", async () => {
    const files = filesOf(FOLDER, MODEL_FILES);
    let asked = 0;
    const stuck = await serveWith((name, response) => {
      asked++;
      if (name === "model.onnx")
        response.writeHead(200, { "content-length": 1000 }).write(files[name].subarray(0, 4)); // and no more
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

describe("free()", () => {
  test("makes running and later calls reject with FREED, and may be called twice", async () => {
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
    await failsWith("FREED", corom.tokenize("a"));
    await failsWith("FREED", corom.embed(new Set()).next());
    assert.equal(info.dimension, 32, "info can still be read");
    assert.equal(info.wasmMemory, 0);
  });

  test("is also called by Symbol.dispose", async () => {
    assert.equal(typeof Symbol.dispose, "symbol");
    const corom = await Corom.load(FOLDER, OPTIONS);
    corom[Symbol.dispose]();
    await failsWith("FREED", corom.embed("a"));
  });

  test("does not affect another model", async () => {
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

test("free() releases the memory of twenty models, one after the other", async () => {
  const names = fixtureNames("exports");
  const { created } = await countMemories();
  for (let i = 0; i < 20; i++) {
    const corom = await Corom.load(exportFolder(names[(i * 7) % names.length]), { maxLength: 16 });
    await corom.embed("阔腿裤");
    corom.free();
  }
  assert.equal((await countMemories()).created, created + 20);
  await untilMemories(0);
});

test("CoromError has code, name and cause", async () => {
  const error = await failsWith("MISSING_FILE", Corom.load("/nowhere/model"), "/nowhere/model");
  assert.ok(error instanceof Error && error instanceof CoromError);
  assert.equal(error.name, "CoromError");
  assert.equal(error.cause.code, "ENOENT");
  assert.match(error.stack, /^CoromError: /);
  await failsWith("INVALID_ARGUMENT", async () => new Corom(), "Corom.load");
});

test("Runtime reports a trap as OUT_OF_MEMORY if the memory cannot grow, else as INTERNAL", async () => {
  const trapped = (memory) => async () =>
    new Runtime({}, memory, "plain").call(() => {
      throw new WebAssembly.RuntimeError("unreachable");
    });
  await failsWith("INTERNAL", trapped(new WebAssembly.Memory({ initial: 1 })));
  await failsWith("OUT_OF_MEMORY", trapped(new WebAssembly.Memory({ initial: 1, maximum: 4096 }))); // 256 MiB
  const large = { buffer: { byteLength: 3.5 * 2 ** 30 }, grow: () => 0 };
  await failsWith("OUT_OF_MEMORY", trapped(large));
});

test("maxAbs and assertClose of the tests notice NaN and other lengths", () => {
  assert.equal(maxAbs([1, 2, 3], [1, 2.5, 3]), 0.5);
  assert.equal(maxAbs([NaN, 1], [0, 1]), Infinity);
  assert.equal(maxAbs([0, 1], [0, NaN]), Infinity);
  assert.equal(maxAbs([0, 1], [0]), Infinity);
  assert.throws(() => assertClose([NaN, 1], [0, 1], 1));
});
