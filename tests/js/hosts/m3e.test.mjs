// A real model, converted: ids and vectors of thirty texts of all kinds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Corom as InWorker } from "corom/worker";
import { Corom, assertClose, cosine } from "../support/corom.mjs";
import { goldenM3e, m3eFolder } from "../support/paths.mjs";

const GOLDEN = goldenM3e();
let corom;
const EXACT = { maxLength: GOLDEN.max_length, precision: "f32" };
before(async () => (corom = await Corom.load(m3eFolder(), EXACT)));
after(() => corom?.free());

test("what it is comes from its files", () => {
  const { dimension, layers, heads, vocabSize, pooling, normalize, dtype } = corom.info;
  assert.deepEqual(
    { dimension, layers, heads, vocabSize, pooling, normalize, dtype },
    { dimension: 512, layers: 4, heads: 8, vocabSize: 21128, pooling: "mean", normalize: false, dtype: "f32" },
  );
});

test("token ids are Hugging Face's", () => {
  assert.equal(GOLDEN.texts.length, 30);
  GOLDEN.texts.forEach((text, i) => assert.deepEqual(corom.tokenize(text).ids, GOLDEN.input_ids[i], GOLDEN.kinds[i]));
  const { text, input_ids } = GOLDEN.bert_base_chinese;
  assert.deepEqual(corom.tokenize(text).ids, input_ids);
});

test("vectors are PyTorch's, in one call and one by one", async () => {
  const all = await corom.embed(GOLDEN.texts);
  for (const [i, text] of GOLDEN.texts.entries()) {
    const expected = GOLDEN.vectors.mean[i];
    const similarity = cosine(all.row(i), expected);
    assert.ok(similarity >= GOLDEN.min_cosine, `${GOLDEN.kinds[i]}: cosine ${similarity}`);
    assertClose((await corom.embed(text)).data, all.row(i), 1e-5, GOLDEN.kinds[i]);
  }
});

test("the CLS row is PyTorch's", async () => {
  const cls = await Corom.load(m3eFolder(), { ...EXACT, pooling: "cls" });
  const rows = await cls.embed(GOLDEN.cls_rows.map((i) => GOLDEN.texts[i]));
  GOLDEN.cls.forEach((expected, i) =>
    assert.ok(cosine(rows.row(i), expected) >= GOLDEN.min_cosine, GOLDEN.kinds[GOLDEN.cls_rows[i]]),
  );
  cls.free();
});

test("with integers, as it is loaded by default, it is near", async () => {
  for (const [options, least] of [[{ kernel: "exact" }, 0.9993], [{}, 0.998]]) {
    const fast = await Corom.load(m3eFolder(), { maxLength: GOLDEN.max_length, ...options });
    assert.deepEqual([fast.info.fused, fast.info.precision], [true, "int8"]);
    const rows = await fast.embed(GOLDEN.texts);
    GOLDEN.vectors.mean.forEach((expected, i) => {
      const similarity = cosine(rows.row(i), expected);
      assert.ok(similarity >= least, `${GOLDEN.kinds[i]}: cosine ${similarity} with ${fast.info.kernel}`);
    });
    fast.free();
  }
});

test("it tells products apart", async () => {
  const ranked = await corom.rank("无线耳机", ["阔腿牛仔裤女秋冬款", "蓝牙耳机主动降噪", "婴儿奶粉2段"], {
    metric: "cosine",
  });
  assert.equal(ranked[0].index, 1);
});

test("in a worker, an abort ends a batch in the middle, and the next call works", async () => {
  let loads = 0;
  const onProgress = ({ phase }) => phase === "pack" && loads++;
  const long = Array.from({ length: 50 }, (_, i) => "阔腿裤女冬牛仔".repeat(80) + i);
  const worker = await InWorker.load(m3eFolder(), { maxLength: 512, abortTimeout: 0, onProgress });
  await worker.embed("裤");
  const signal = AbortSignal.timeout(100);
  let late;
  signal.addEventListener("abort", () => (late = performance.now()));
  await assert.rejects(worker.embed(long, { signal }), { name: "TimeoutError" });
  late = performance.now() - late;
  assert.ok(late < 100, `rejected ${late} ms after the abort`);
  const { data } = await worker.embed(GOLDEN.texts[0]);
  assert.ok(cosine(data, (await corom.embed(GOLDEN.texts[0])).data) >= 0.999);
  assert.equal(loads, 2, "the worker was replaced");
  worker.free();
});
