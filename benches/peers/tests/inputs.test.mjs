import assert from "node:assert/strict";
import { test } from "node:test";
import { agreement } from "../agreement.mjs";
import { callsFor, takeTurns, warmUp } from "../agent/timing.mjs";
import { textSource } from "../agent/inputs.mjs";
import { catalog } from "../catalog.mjs";
import { UsageError, modelsWanted, optionsFrom } from "../options.mjs";

test("the catalog is the same in every run, without a title twice, short and long", () => {
  const titles = catalog(1000);
  assert.deepEqual(titles, catalog(1000));
  assert.equal(new Set(titles).size, 1000);
  const lengths = titles.map((title) => title.length).sort((a, b) => a - b);
  assert.ok(lengths[0] < 6 && lengths[500] > 10 && lengths[999] > 40, String([lengths[0], lengths[500], lengths[999]]));
});

test("texts have exactly as many tokens as asked for, and differ", () => {
  const fresh = textSource(
    { characters: "甲乙丙丁戊己", character_ids: [11, 12, 13, 14, 15, 16], special_ids: [1, 2] },
    5,
  );
  const [one, two] = [fresh(16), fresh(16)];
  assert.equal(one.ids.length, 16);
  assert.equal([...one.text].length, 14);
  assert.deepEqual([one.ids[0], one.ids[15]], [1, 2]);
  assert.ok(one.ids.slice(1, 15).every((id, i) => id === 11 + "甲乙丙丁戊己".indexOf(one.text[i])));
  assert.notEqual(one.text, two.text);
});

test("in every round everyone has one turn, and not always the same begins", async () => {
  const seen = [];
  const results = await takeTurns(["a", "b", "c"], 3, async (name, round) => seen.push(name) && `${name}${round}`);
  assert.deepEqual(seen.join(""), "abcbcacab");
  assert.deepEqual(results, { a: ["a0", "a1", "a2"], b: ["b0", "b1", "b2"], c: ["c0", "c1", "c2"] });
});

test("a sample is as many calls as it takes to be long enough", () => {
  assert.deepEqual([callsFor(100), callsFor(20), callsFor(3), callsFor(0)], [1, 1, 7, 64]);
});

test("warming up goes on while calls get faster", async () => {
  const times = [8, 6, 4, 2, 1];
  let calls = 0;
  const fastest = await warmUp((i) => ++calls && new Promise((resolve) => setTimeout(resolve, 4 * (times[i] ?? 1))), {
    calls: 2,
    ms: 1,
  });
  assert.ok(calls >= 7, `${calls} calls`);
  assert.ok(fastest < 16, `${fastest} ms`);
});

test("another vector, another text's vector and other tokens are refused", () => {
  const good = [
    { text: "a", ids: [1], vector: [1, 0, 0], got: [1, 0.01, 0] },
    { text: "b", ids: [2], vector: [0.9, 0.3, 0], got: [0.9, 0.31, 0] },
  ];
  assert.equal(agreement("ort-int8", good).texts, 2);
  const having = (change) => [{ ...good[0], ...change }, good[1]];
  assert.throws(() => agreement("ort-int8", having({ got: [0, 1, 0] })), /computes something else/);
  assert.throws(() => agreement("ort-int8", having({ got: [NaN, 0, 0] })), /computes something else/);
  assert.throws(() => agreement("ort-int8", having({ got: [1, 0] })), /2 numbers/);
  assert.throws(() => agreement("ort-int8", having({ got: [0.978, 0.208, 0] })), /nearer/);
  assert.throws(
    () => agreement("ort-f32", having({ got: [1, 0.1, 0] })),
    /computes something else/,
    "f32 must match better",
  );
  assert.throws(() => agreement("corom-plain", having({ gotIds: [7] })), /tokens 7/);
});

test("the command line", () => {
  const full = optionsFrom([]);
  assert.deepEqual([full.rounds, full.titles, full.hosts], [15, 1000, ["chromium", "node"]]);
  const only = optionsFrom([
    "--only",
    "catalog,m3e",
    "--rounds",
    "3",
    "--host",
    "node",
    "--systems",
    "ort-f32,corom-plain",
  ]);
  assert.deepEqual([only.parts, only.rounds, only.systems], [["m3e", "catalog"], 3, ["corom-plain", "ort-f32"]]);
  assert.deepEqual(
    modelsWanted(only).map(({ model, latency }) => [model, latency]),
    [
      ["base", false],
      ["m3e-small", true],
    ],
  );
  assert.deepEqual(modelsWanted(optionsFrom(["--only", "kernels"])), []);
  for (const wrong of [["--only", "x"], ["--rounds", "0"], ["--what"], ["--quick", "--only", "base"], ["--host", ""]]) {
    assert.throws(() => optionsFrom(wrong), UsageError, String(wrong));
  }
});
