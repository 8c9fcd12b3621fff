import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ROOT } from "../hosts/files.mjs";
import { operationsOf, split } from "../gpu/measure.mjs";
import { nativeHost } from "../gpu/native.mjs";
import { gpuOptionsFrom } from "../gpu/options.mjs";
import { gpuBars, modelTable } from "../gpu/report.mjs";
import { expand, productShaders } from "../gpu/wgsl.mjs";
import { UsageError } from "../options.mjs";
import { GPU_SYSTEMS } from "../systems.mjs";

const CONFIG = { layers: 2, hidden: 128, intermediate: 512 };
const adapter = (isSoftware) => ({ adapter: { isSoftware }, peak: { best: 100 }, product: { size: 2048, tiled8: { samples: [40, 50] }, tiled4: { samples: [20] } } });

test("expand follows the directives of template.rs", () => {
  const expanded = (text) => expand(text, { N: 2, SET: 1 }, () => "part ${N}");
  assert.equal(expanded("//#repeat i N\n//#repeat j 2\nx_${i*2+j}\n//#end\n//#end"), "x_0\nx_1\nx_2\nx_3");
  assert.equal(expanded("//#if SET\na\n//#else\nb\n//#end\nc"), "a\nc");
  assert.equal(expanded("//#if UNSET\n//#if SET\na\n//#end\n//#else\nb\n//#end"), "b");
  assert.equal(expanded("//#if SET\n//#if UNSET\na\n//#else\nb\n//#end\n//#end"), "b");
  assert.equal(expanded("//#include part"), "part 2");
  for (const text of ["${M}", "//#if SET\na", "//#repeat i M\n//#end", "//#other"]) {
    assert.throws(() => expand(text, {}), { message: /a template/ }, text);
  }
});

test("productShaders have the tiles and bindings of shaders.rs", () => {
  const rust = readFileSync(path.join(ROOT, "src/encoder/gpu/shaders.rs"), "utf8");
  for (const { code, tile } of Object.values(productShaders())) {
    assert.ok(rust.includes(`pub(super) const TILE: usize = ${tile};`));
    assert.doesNotMatch(code, /\/\/#|\$\{/);
    for (const binding of [0, 1, 2, 3, 4]) assert.match(code, new RegExp(`@binding\\(${binding}\\)`));
    assert.doesNotMatch(code, /@binding\(5\)/);
  }
});

test("split leaves out a system whose call would take longer than the limit", () => {
  const sizes = {
    "1x16": { texts: 1, tokens: 16, ms: { a: [12, 10], b: [100] }, slow: { c: 2000 } },
    "16x16": { texts: 16, tokens: 16, ms: { a: [20] }, slow: { b: 1600, c: 32000 } },
  };
  assert.deepEqual(split(["a", "b", "c", "d"], { texts: 64, tokens: 16 }, sizes, 1000), [["a", "d"], { b: 6400, c: 128000 }]);
});

test("operationsOf counts the last layer for first rows only", () => {
  const one = { layers: 1, hidden: 4, intermediate: 8 };
  // Keys and values of two rows, the rest of one row, and one query's attention.
  const expected = 2 * (2 * 2 * 16 + (2 * 16 + 2 * 32) + 2 * 2 * 4);
  assert.equal(operationsOf(one, { texts: 1, tokens: 2 }), expected);
  const two = operationsOf({ ...one, layers: 2 }, { texts: 3, tokens: 2 });
  assert.equal(two, 3 * (expected + 2 * (2 * (4 * 16 + 2 * 32) + 2 * 2 * 2 * 4)));
});

test("gpuBars judge a GPU, and only record an emulated one", () => {
  const sizes = {
    "1x16": { texts: 1, tokens: 16, ms: { "corom-gpu-float": [2], "ort-gpu-f32": [2.4], "ort-gpu-q8": [4] }, slow: {} },
    "64x32": { texts: 64, tokens: 32, ms: { "corom-gpu-exact": [2], "corom-gpu-float": [4], "corom-gpu-balanced": [1], "ort-gpu-f32": [8], "ort-gpu-q8": [6] }, slow: {} },
  };
  const models = { tiny: { sizes, config: CONFIG, facts: { "corom-gpu-balanced": { kernel: "wgsl int8" } } } };
  const verdicts = gpuBars(adapter(false), models).map(({ value, met }) => [value.toFixed(2), met]);
  const share = (operationsOf(CONFIG, { texts: 64, tokens: 32 }) / 4 / 1e6 / 100).toFixed(2);
  assert.deepEqual(verdicts, [["0.45", true], ["1.50", true], ["6.00", true], ["1.20", false], [share, Number(share) >= 0.3]]);
  for (const { met, note } of gpuBars(adapter(true), models)) {
    assert.equal(met, undefined);
    assert.match(note, /recorded, not judged/);
  }
  assert.match(gpuBars(adapter(false), { tiny: { sizes: {}, config: CONFIG } })[1].note, /not measured/);
});

test("modelTable shows texts per second, and a dash for what was over the limit", () => {
  const sizes = { "16x16": { texts: 16, tokens: 16, ms: { "corom-gpu-float": [80, 160, 100] }, slow: { "ort-gpu-f32": 9000 } } };
  const text = modelTable({ sizes });
  assert.match(text, /\| corom gpu, f32, float \| 160 \(200\) \|/);
  assert.match(text, /× onnxruntime-web's best \| – \|/);
});

/** Answers as benches/native's program `gpu`, whose GPU is slow for long lists. */
const PROGRAM = `
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, name, ...texts] = line.split("\\t");
  const answers = {
    adapter: () => ({ description: "a GPU" }),
    open: () => (name === "corom-native" ? { error: "no such folder" } : { device: texts.join(" ") }),
    product: () => [1, 3, 2],
    embed: () => 30 * texts.length,
    vectors: () => texts.map((text) => [text.length]),
    fallback: () => null,
  };
  if (command === "ids") process.exit(1);
  console.log(JSON.stringify(answers[command]()));
});`;

test("nativeHost passes calls on to the program, and its errors back", async (t) => {
  const host = await nativeHost([process.execPath, "-e", PROGRAM]);
  const agent = await host.agent();
  t.after(() => agent.close());
  const place = { model: { f32: "f32-folder", int8: "int8-folder" } };
  assert.deepEqual(await agent.call("gpuAdapter"), { description: "a GPU" });
  assert.deepEqual(await agent.call("gpuProduct", { code: "", tile: 64 }, 2048, 3), { best: 3, samples: [1, 3, 2] });
  const { "corom-gpu-float": facts } = await agent.call("open", place, ["corom-gpu-float"]);
  assert.equal(facts.device, "f32-folder gpu float 2");
  await assert.rejects(agent.call("open", place, ["corom-native"]), { message: "no such folder" });
  assert.deepEqual(await agent.call("vectors", "a", [{ text: "一" }, { text: "一二" }, { text: "三" }], 2), [[1], [2], [1]]);
  assert.equal(await agent.call("fallbackOf", "a"), null);
  const vocabulary = { characters: "一二三", character_ids: [5, 6, 7], special_ids: [1, 2] };
  const how = { tokens: 8, rounds: 4, limitMs: 100, budgetMs: 1000, seed: 1 };
  const { ms, slow } = await agent.call("cell", ["a"], { ...how, texts: 2 }, vocabulary);
  assert.deepEqual([ms, slow], [{ a: [60, 60, 60, 60] }, {}]);
  assert.deepEqual(await agent.call("cell", ["a"], { ...how, texts: 4 }, vocabulary), { ms: {}, slow: { a: 120 } });
  await assert.rejects(agent.call("tokenIds", "a", ["一"]), { message: /ended early at 'ids a'/ });
});

test("gpuOptionsFrom chooses the models by the adapter and rejects what it does not know", () => {
  assert.deepEqual(gpuOptionsFrom(["--gpu"]).models, ["tiny"]);
  assert.deepEqual(gpuOptionsFrom(["--gpu", "--adapter", "system"]).models, ["m3e-small", "base"]);
  assert.deepEqual(gpuOptionsFrom(["--gpu", "--quick", "--adapter", "system"]).models, ["m3e-small"]);
  assert.equal(gpuOptionsFrom(["--gpu", "--limit", "7"]).limitMs, 7000);
  assert.deepEqual(gpuOptionsFrom(["--gpu"]).systems, Object.keys(GPU_SYSTEMS));
  for (const list of [["--adapter", "metal"], ["--models", "large"], ["--limit", "0"], ["--rounds", "x"], ["--systems", "transformers"]]) {
    assert.throws(() => gpuOptionsFrom(["--gpu", ...list]), UsageError);
  }
});
