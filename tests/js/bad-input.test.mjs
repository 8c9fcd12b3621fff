// Wrong arguments, extraordinary texts and crashes reject with the right code, and the instance works afterwards.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Runtime } from "../../pkg/lib/runtime.js";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");
const GOLDEN = golden("legacy-op14");
const OPTIONS = { pooling: "cls", maxLength: GOLDEN.max_length, quality: "float" };

// Loaded before the failures; its vectors are checked after each test.
let corom;
before(async () => (corom = await Corom.load(FOLDER, OPTIONS)));
afterEach(async () => assertClose((await corom.embed(GOLDEN.texts)).data, GOLDEN.vectors.cls.flat(), GOLDEN.tolerance));
after(() => corom.free());

describe("a wrong argument rejects with INVALID_ARGUMENT and names the argument, in", () => {
  class Own {}
  const notText = [
    undefined,
    null,
    5,
    NaN,
    true,
    5n,
    Symbol("s"),
    () => "a",
    {},
    new Own(),
    ["a"],
    new String("a"),
    new Uint8Array(1),
  ];
  const notList = [undefined, null, 5, true, {}, () => [], new Set(["a"]), new Uint8Array(2), "阔腿裤"];
  const badLists = [[1], [null], ["a", undefined], ["a", ["b"]], [[]], Array(2)];

  test("embed", async () => {
    for (const value of [...notText.filter((v) => !Array.isArray(v)), ...badLists])
      await failsWith("INVALID_ARGUMENT", corom.embed(value), "texts");
    await failsWith("INVALID_ARGUMENT", corom.embed(["a", ["b"]]), "texts[1]", "an array of 1");
    for (const value of [5, "a", [], new AbortController().signal, new Map()])
      await failsWith("INVALID_ARGUMENT", corom.embed("a", value), "options");
    for (const signal of [5, {}, new AbortController()])
      await failsWith("INVALID_ARGUMENT", corom.embed("a", { signal }), "signal");
  });

  test("score and rank", async () => {
    for (const call of ["score", "rank"]) {
      for (const value of notText) await failsWith("INVALID_ARGUMENT", corom[call](value, ["a"]), "query");
      for (const value of [...notList, ...badLists])
        await failsWith("INVALID_ARGUMENT", corom[call]("a", value), "documents");
      await failsWith("INVALID_ARGUMENT", corom[call]("a", "阔腿裤"), "[text]");
      for (const metric of ["", "cos", "DOT", 5])
        await failsWith("INVALID_ARGUMENT", corom[call]("a", ["b"], { metric }), "metric", "cosine");
    }
    for (const topK of [-1, 1.5, NaN, -Infinity, "3"])
      await failsWith("INVALID_ARGUMENT", corom.rank("a", ["b"], { topK }), "topK");
  });

  test("tokenize", async () => {
    for (const value of notText) await failsWith("INVALID_ARGUMENT", corom.tokenize(value), "text");
  });

  test("load", async () => {
    for (const source of [
      undefined,
      null,
      5,
      true,
      "",
      () => {},
      [],
      [5],
      [{}],
      {},
      new Map(),
      new Map([[5, "a"]]),
      { "a.onnx": 5 },
      new Uint8Array(5),
      new Blob([]),
    ]) {
      await failsWith("INVALID_ARGUMENT", Corom.load(source), "source");
    }
    await failsWith("INVALID_ARGUMENT", Corom.load("http://"), "source");
    const wrong = {
      maxLength: [1, 0, -5, 1.5, NaN, "128"],
      pooling: ["sum", "", 5, [], ["cls", "sum"], ["cls", "cls"], ["graph", "cls"]],
      ignoreHead: [1, "yes"],
      normalize: [1, "yes"],
      selfTest: [0, "no"],
      model: [5, {}],
      quality: ["best", 5],
      advanced: [5, [], "exact", { simd: "fast" }, { kernel: 5 }, { fused: 1 }, { gpu: {} }, { speed: 1 }],
      device: ["gpu", "toString", 5],
      onProgress: [5, {}],
      signal: [5, {}],
      wasm: [5, {}],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { [name]: value }), name);
    }
    await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { model: "../model.onnx" }), "../model.onnx");
    for (const options of [5, "a"]) await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, options), "options");
  });
});

describe("embed and tokenize", () => {
  const TEN_MB = 10 * 2 ** 20;
  /** A text is tokenized in pieces of 2 KB until maxLength is reached; 10 MB have 5,000 pieces. */
  const PIECE = "阔腿裤女冬牛仔".repeat(95);
  const MAX_PIECES = 1000;

  async function milliseconds(work) {
    const began = performance.now();
    await work();
    return performance.now() - began;
  }

  /** Asserts that some work takes less time than to tokenize a fifth of 10 MB. */
  async function assertFast(work) {
    const pieces = [];
    for (let i = 0; i < 15; i++) pieces.push(await milliseconds(() => corom.tokenize(PIECE)));
    const piece = pieces.sort((a, b) => a - b)[7];
    // The better of two, because other programs may have the processor for a while.
    const took = Math.min(await milliseconds(work), await milliseconds(work));
    assert.ok(took < MAX_PIECES * piece, `${took} ms, and one piece of text takes ${piece} ms`);
  }

  const long = {
    "Chinese characters without spaces": "阔腿裤女冬牛仔".repeat(TEN_MB / 21),
    "one word": "a".repeat(TEN_MB),
    "words and spaces": "wide leg ".repeat(TEN_MB / 9),
    spaces: " ".repeat(TEN_MB),
    emoji: "😀".repeat(TEN_MB / 4),
    "combining marks": "e" + "\u0301".repeat(TEN_MB / 2),
    "digits and dots": "1.".repeat(TEN_MB / 2),
  };
  for (const [kind, text] of Object.entries(long)) {
    test(`tokenize only the beginning of 10 MB of ${kind}`, async () => {
      await assertFast(async () => assert.equal((await corom.embed([text, "阔腿裤"])).rows, 2));
      await assertFast(async () => assert.ok((await corom.tokenize(text)).ids.length <= GOLDEN.max_length));
    });
  }

  test("can be aborted with a list of 50,000 texts", async (t) => {
    const list = Array.from({ length: 50_000 }, (_, i) => `阔腿裤${i}`);
    let steps = 0;
    const { call } = Runtime.prototype;
    t.mock.method(Runtime.prototype, "call", function (work) {
      steps++;
      return call.call(this, work);
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await assert.rejects(corom.embed(list, { signal: controller.signal }), { name: "AbortError" });
    assert.ok(steps < 2500, `${steps} steps; the whole list has more than 5,000`);
  });

  test("treat a lone surrogate as U+FFFD", async () => {
    for (const [broken, whole] of [
      ["a\ud800b", "a\ufffdb"],
      ["\udc00", "\ufffd"],
      ["裤\ud83d", "裤\ufffd"],
      ["\ude00\ud83d腿", "\ufffd\ufffd腿"],
    ]) {
      const vector = await corom.embed(whole);
      assert.deepEqual(await corom.embed(broken), vector);
      assert.deepEqual((await corom.embed([broken, "手机"])).row(0), vector);
      assert.deepEqual(await corom.tokenize(broken), await corom.tokenize(whole));
    }
  });

  test("accept NUL, control characters and non-characters", async () => {
    const list = ["\0", "裤\0子", "\u0001\u001f", "\uffff\ufffe", "\u202e裤", "\r\n"];
    const { rows, data } = await corom.embed(list);
    assert.equal(rows, list.length);
    assert.ok(data.every(Number.isFinite));
  });
});

describe("Runtime.call", () => {
  const trap = () => {
    throw new WebAssembly.RuntimeError("unreachable");
  };

  test("rejects a trap with INTERNAL, and every later call too", async () => {
    const runtime = new Runtime({}, new WebAssembly.Memory({ initial: 1 }), "plain");
    const error = await failsWith("INTERNAL", async () => runtime.call(trap), "unreachable");
    assert.ok(error.cause instanceof WebAssembly.RuntimeError);
    const later = await failsWith("INTERNAL", async () => runtime.call(() => 5), "load the model again");
    assert.equal(later.cause, error);
    assert.equal(runtime.memoryBytes, 0);
  });

  test("rejects a trap with OUT_OF_MEMORY if the memory cannot grow", async () => {
    const runtime = new Runtime({}, new WebAssembly.Memory({ initial: 1, maximum: 1 }), "plain");
    await failsWith("OUT_OF_MEMORY", async () => runtime.call(trap));
  });

  test("passes errors of the core on, and can be called again", async () => {
    const runtime = new Runtime({}, new WebAssembly.Memory({ initial: 1 }), "plain");
    const refuse = () => {
      throw Object.assign(new Error("no"), { code: "INVALID_MODEL", cause: "beneath" });
    };
    const error = await failsWith("INVALID_MODEL", async () => runtime.call(refuse), "no");
    assert.equal(error.cause, "beneath");
    assert.equal(
      runtime.call(() => 5),
      5,
    );
  });
});
