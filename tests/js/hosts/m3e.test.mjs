// A converted real model, m3e-small: token ids and vectors of thirty texts of all kinds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Corom as InWorker } from "corom/worker";
import { Corom, assertClose, cosine } from "../support/corom.mjs";
import { goldenM3e, m3eFolder } from "../support/paths.mjs";

const GOLDEN = goldenM3e();
let corom;
const EXACT = { maxLength: GOLDEN.max_length, quality: "float" };
before(async () => (corom = await Corom.load(m3eFolder(), EXACT)));
after(() => corom?.free());

test("info describes the model by its files", () => {
  const { dimension, layers, heads, vocabSize, pooling, normalize, dtype } = corom.info;
  assert.deepEqual(
    { dimension, layers, heads, vocabSize, pooling, normalize, dtype },
    { dimension: 512, layers: 4, heads: 8, vocabSize: 21128, pooling: "mean", normalize: false, dtype: "f32" },
  );
});

test("tokenize gives Hugging Face's token ids", async () => {
  assert.equal(GOLDEN.texts.length, 30);
  for (const [i, text] of GOLDEN.texts.entries()) {
    assert.deepEqual((await corom.tokenize(text)).ids, GOLDEN.input_ids[i], GOLDEN.kinds[i]);
  }
  const { text, input_ids } = GOLDEN.bert_base_chinese;
  assert.deepEqual((await corom.tokenize(text)).ids, input_ids);
});

test("embed gives PyTorch's vectors, in one call and one by one", async () => {
  const all = await corom.embed(GOLDEN.texts);
  for (const [i, text] of GOLDEN.texts.entries()) {
    const expected = GOLDEN.vectors.mean[i];
    const similarity = cosine(all.row(i), expected);
    assert.ok(similarity >= GOLDEN.min_cosine, `${GOLDEN.kinds[i]}: cosine ${similarity}`);
    assertClose(await corom.embed(text), all.row(i), 1e-5, GOLDEN.kinds[i]);
  }
});

test("embed gives PyTorch's CLS vectors with pooling: \"cls\"", async () => {
  const cls = await Corom.load(m3eFolder(), { ...EXACT, pooling: "cls" });
  const rows = await cls.embed(GOLDEN.cls_rows.map((i) => GOLDEN.texts[i]));
  GOLDEN.cls.forEach((expected, i) =>
    assert.ok(cosine(rows.row(i), expected) >= GOLDEN.min_cosine, GOLDEN.kinds[GOLDEN.cls_rows[i]]),
  );
  cls.free();
});

test("embed with int8 weights, the default, gives vectors near those of f32", async () => {
  for (const [options, minCosine] of [[{ quality: "exact" }, 0.9993], [{}, 0.998]]) {
    const fast = await Corom.load(m3eFolder(), { maxLength: GOLDEN.max_length, ...options });
    assert.deepEqual([fast.info.fused, fast.info.precision], [true, "int8"]);
    const rows = await fast.embed(GOLDEN.texts);
    GOLDEN.vectors.mean.forEach((expected, i) => {
      const similarity = cosine(rows.row(i), expected);
      assert.ok(similarity >= minCosine, `${GOLDEN.kinds[i]}: cosine ${similarity} with ${fast.info.kernel}`);
    });
    fast.free();
  }
});

test("rank puts the right product first", async () => {
  const ranked = await corom.rank("无线耳机", ["阔腿牛仔裤女秋冬款", "蓝牙耳机主动降噪", "婴儿奶粉2段"], {
    metric: "cosine",
  });
  assert.equal(ranked[0].index, 1);
});

test("an abort in a worker ends a long text at its next step, and the next call works", async () => {
  let loads = 0;
  const onProgress = ({ phase }) => phase === "pack" && loads++;
  const long = Array.from({ length: 50 }, (_, i) => "阔腿裤女冬牛仔".repeat(80) + i);
  const worker = await InWorker.load(m3eFolder(), { maxLength: 512, abortTimeout: 0, onProgress });
  await worker.embed("裤");
  const began = performance.now();
  await worker.embed(long.slice(0, 10));
  const tenTexts = performance.now() - began;
  const reason = new Error("mine");
  const controller = new AbortController();
  let aborted;
  setTimeout(() => {
    aborted = performance.now();
    controller.abort(reason);
  }, tenTexts / 10);
  await assert.rejects(worker.embed(long, { signal: controller.signal }), reason);
  const late = performance.now() - aborted;
  assert.ok(late < 2 * tenTexts, `rejected ${late} ms after the abort; ten of the fifty texts take ${tenTexts} ms`);
  const vector = await worker.embed(GOLDEN.texts[0]);
  assert.ok(cosine(vector, await corom.embed(GOLDEN.texts[0])) >= 0.999);
  assert.equal(loads, 2, "the worker was replaced");
  worker.free();
});
