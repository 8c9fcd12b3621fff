// Properties of embed and tokenize that hold for any texts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Corom, assertClose, dot, maxAbs, random } from "./support/corom.mjs";
import { exportFolder, golden } from "./support/paths.mjs";

const CLOSE = 1e-5;
const EXPORTS = ["legacy-op14", "dynamo-op18-sdpa", "classic-op11", "static-2x16-legacy", "fused"];
const WORDS = [
  ..."阔腿裤女冬牛仔潮流百搭宽松高腰显瘦加绒厚手机壳奶粉",
  " ",
  "  ",
  "，",
  "。",
  "!",
  "iPhone",
  "15",
  "256GB",
  "USB-C",
  "mm",
  "Café",
  "Ｔｙｐｅ",
  "😀",
  "𠮷",
  "[MASK]",
  "[SEP]",
  "한국어",
  "\t",
  "\u200b",
  "é",
  "ß",
  "İ",
];

function texts(count, seed) {
  const next = random(seed);
  return Array.from({ length: count }, () => {
    const words = Math.floor(next() ** 2 * 40);
    return Array.from({ length: words }, () => WORDS[Math.floor(next() * WORDS.length)]).join("");
  });
}

function shuffled(list, seed) {
  const next = random(seed);
  const order = [...list.keys()];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

for (const name of EXPORTS) {
  for (const pooling of ["cls", "mean"]) {
    test(`embed of a batch gives what each text gives alone, in any order (${name}, ${pooling})`, async () => {
      const corom = await Corom.load(exportFolder(name), { pooling, maxLength: golden(name).max_length });
      const list = texts(60, 7);
      const batch = await corom.embed(list);
      for (const [i, text] of list.entries())
        assertClose(await corom.embed(text), batch.row(i), CLOSE, JSON.stringify(text));
      const order = shuffled(list, 11);
      const mixed = await corom.embed(order.map((i) => list[i]));
      order.forEach((i, at) => assertClose(mixed.row(at), batch.row(i), CLOSE, JSON.stringify(list[i])));
      corom.free();
    });
  }
}

let corom;
before(async () => (corom = await Corom.load(exportFolder("legacy-op14"), { maxLength: 16, pooling: "mean" })));
after(() => corom.free());

test("embed gives the same vector beside a much longer text: padding has no effect", async () => {
  for (const short of ["", "裤", "手机壳"]) {
    const both = await corom.embed([short, "阔腿裤女冬牛仔潮流百搭宽松高腰显瘦".repeat(3)]);
    assertClose(both.row(0), await corom.embed(short), CLOSE);
  }
});

test("embed and tokenize ignore text beyond maxLength tokens", async () => {
  const start = "阔腿裤女冬牛仔潮流百搭宽松高"; // 14 tokens, with [CLS] and [SEP] 16
  const { ids, truncated } = await corom.tokenize(start);
  assert.deepEqual([ids.length, truncated], [16, false]);
  const exact = await corom.embed(start);
  for (const more of ["腰", "显瘦".repeat(500), " iPhone 15", "😀"]) {
    const longer = await corom.tokenize(start + more);
    assert.deepEqual([longer.ids, longer.truncated], [ids, true]);
    assertClose(await corom.embed(start + more), exact, 0);
  }
  assert.ok(maxAbs(await corom.embed(start.slice(0, -1)), exact) > 1e-3, "text within the limit counts");
});

test("embed gives the same bits when it is called twice", async () => {
  const list = texts(40, 3);
  assert.deepEqual((await corom.embed(list)).data, (await corom.embed(list)).data);
});

test("normalize: true gives vectors of length 1 with the same direction", async () => {
  const unit = await Corom.load(exportFolder("legacy-op14"), { maxLength: 16, pooling: "mean", normalize: true });
  const list = texts(20, 5);
  const [raw, scaled] = [await corom.embed(list), await unit.embed(list)];
  for (let i = 0; i < list.length; i++) {
    const length = Math.sqrt(dot(raw.row(i), raw.row(i)));
    assertClose(
      scaled.row(i),
      raw.row(i).map((x) => x / length),
      CLOSE,
    );
  }
  unit.free();
});

test("tokenize gives every token the offsets of a part of the text, in order", async () => {
  for (const text of texts(300, 13)) {
    const { ids, tokens, offsets } = await corom.tokenize(text);
    assert.equal(ids.length, tokens.length);
    let at = 0;
    for (const [i, [start, end]] of offsets.entries()) {
      if (i === 0 || i === offsets.length - 1) continue; // [CLS] and [SEP]
      assert.ok(start >= at && end >= start && end <= text.length, JSON.stringify([text, tokens[i], start, end]));
      at = start;
    }
  }
});
