import assert from "node:assert/strict";
import { test } from "node:test";
import { agreement } from "../agreement.mjs";
import { callsFor, takeTurns, warmUp } from "../agent/timing.mjs";
import { textSource } from "../agent/inputs.mjs";
import { catalog } from "../catalog.mjs";
import { UsageError, modelsWanted, optionsFrom } from "../options.mjs";

test("catalog returns the same distinct titles in every run, short and long", () => {
  const titles = catalog(1000);
  assert.deepEqual(titles, catalog(1000));
  assert.equal(new Set(titles).size, 1000);
  const lengths = titles.map((title) => title.length).sort((a, b) => a - b);
  assert.ok(lengths[0] < 6 && lengths[500] > 10 && lengths[999] > 40, String([lengths[0], lengths[500], lengths[999]]));
});

test("textSource makes different texts of exactly the given number of tokens", () => {
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

test("takeTurns gives every name one turn per round, and begins with another name each round", async () => {
  const seen = [];
  const results = await takeTurns(["a", "b", "c"], 3, async (name, round) => seen.push(name) && `${name}${round}`);
  assert.deepEqual(seen.join(""), "abcbcacab");
  assert.deepEqual(results, { a: ["a0", "a1", "a2"], b: ["b0", "b1", "b2"], c: ["c0", "c1", "c2"] });
});

test("callsFor returns as many calls as a long enough sample needs", () => {
  assert.deepEqual([callsFor(100), callsFor(20), callsFor(3), callsFor(0)], [1, 1, 7, 64]);
});

test("warmUp goes on while calls get faster, and returns the time of the fastest", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const times = [8, 6, 4, 2];
  let calls = 0;
  const fastest = await warmUp(async (i) => {
    calls++;
    now += times[i] ?? 1;
  }, { calls: 2, ms: 1 });
  assert.ok(calls >= 5, `${calls} calls`);
  assert.equal(fastest, 1);
});

test("agreement throws for another vector, another text's vector and other tokens", () => {
  const good = [
    { text: "a", ids: [1], vector: [1, 0, 0], got: [1, 0.01, 0] },
    { text: "b", ids: [2], vector: [0.9, 0.3, 0], got: [0.9, 0.31, 0] },
  ];
  assert.equal(agreement("ort-int8", good).texts, 2);
  const having = (change) => [{ ...good[0], ...change }, good[1]];
  assert.throws(() => agreement("ort-int8", having({ got: [0, 1, 0] })), /does not compute the model/);
  assert.throws(() => agreement("ort-int8", having({ got: [NaN, 0, 0] })), /does not compute the model/);
  assert.throws(() => agreement("ort-int8", having({ got: [1, 0] })), /has 2 numbers/);
  assert.throws(() => agreement("ort-int8", having({ got: [0.978, 0.208, 0] })), /nearer/);
  assert.throws(
    () => agreement("ort-f32", having({ got: [1, 0.1, 0] })),
    /does not compute the model/,
    "f32 needs a higher cosine",
  );
  assert.throws(() => agreement("corom-plain", having({ gotIds: [7] })), /has tokens 7/);
});

test("optionsFrom reads the command line, and throws UsageError for wrong arguments", () => {
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
  const workers = { model: "m3e-small", latency: false, catalog: false, workers: true };
  assert.deepEqual(modelsWanted(optionsFrom(["--only", "workers"])), [workers]);
  for (const wrong of [["--only", "x"], ["--rounds", "0"], ["--what"], ["--quick", "--only", "base"], ["--host", ""]]) {
    assert.throws(() => optionsFrom(wrong), UsageError, String(wrong));
  }
});
