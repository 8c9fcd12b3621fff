// The meaning of a folder without corom.json: poolings, modules after them, lengths, and info.settings.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { FIXTURES, exportFolder, filesOf, readJson } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const { texts, cases } = readJson(path.join(FIXTURES, "sentence/cases.json"));
const ENCODER = {
  ...filesOf(path.join(FIXTURES, "checkpoints/safetensors"), ["config.json", "tokenizer.json", "tokenizer_config.json"]),
  "model.onnx": new Uint8Array(readFileSync(path.join(FIXTURES, "sentence/dense-tanh.onnx"))),
};
const F32 = { quality: "float" };

/** Returns the encoder's files with those of a case of sentence-transformers. */
function folderOf(name) {
  const files = Object.entries(cases[name].files).map(([file, { text, hex }]) => [file, text ?? Buffer.from(hex, "hex")]);
  return { ...ENCODER, ...Object.fromEntries(files) };
}

async function assertVectors(source, options, expected) {
  const corom = await Corom.load(source, { ...F32, ...options });
  const rows = [...(await corom.embed(texts))];
  for (const [i, row] of rows.entries()) assertClose(row, expected[i], 2e-5, texts[i]);
  const { info } = corom;
  assert.equal(info.dimension, expected[0].length);
  corom.free();
  return info;
}

describe("folders of sentence-transformers", () => {
  for (const name of ["pool-three-flags", "dense-tanh", "dense-relu-legacy-bin", "odd-paths", "layer-norm-dropout"]) {
    test(`give its vectors: ${name}`, () => assertVectors(folderOf(name), {}, cases[name].vectors));
  }

  test("give its vectors over HTTP, where files are requested as they become known", async () => {
    const answer = fromFiles(folderOf("dense-identity-bin"));
    const requested = [];
    const server = await serveWith((name, response) => {
      requested.push(name);
      answer(name, response);
    });
    await assertVectors(server.address, {}, cases["dense-identity-bin"].vectors);
    await server.close();
    for (const name of ["modules.json", "2_Dense/config.json", "2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"]) {
      assert.ok(requested.includes(name), `${name}: ${requested}`);
    }
  });
});

describe("a folder whose encoder is in the Transformer module's folder", () => {
  const FOLDER = "0_Transformer";
  /** Returns a folder of sentence-transformers with the encoder's files, ONNX too, in their module's folder. */
  const nested = () => {
    const moved = Object.entries(ENCODER).map(([name, bytes]) => [`${FOLDER}/${name}`, bytes]);
    const files = { ...folderOf("dense-tanh"), ...Object.fromEntries(moved) };
    for (const name of Object.keys(ENCODER)) delete files[name];
    const modules = JSON.parse(files["modules.json"]);
    modules[0].path = FOLDER;
    return { ...files, "modules.json": JSON.stringify(modules) };
  };

  test("gives sentence-transformers' vectors from memory and over HTTP", async () => {
    await assertVectors(nested(), {}, cases["dense-tanh"].vectors);
    const server = await serveWith(fromFiles(nested()));
    const info = await assertVectors(server.address, { dtype: "fp32" }, cases["dense-tanh"].vectors);
    await server.close();
    assert.deepEqual(info.settings.at(-1), { setting: "model", value: `${FOLDER}/model.onnx`, source: "options" });
    assert.equal(info.model, `${FOLDER}/model.onnx`);
  });

  test("names what is missing there", async () => {
    for (const [name, expected] of [["config.json", "config.json"], ["tokenizer.json", `${FOLDER}/vocab.txt`], ["model.onnx", ".onnx"]]) {
      const { [`${FOLDER}/${name}`]: removed, ...files } = nested();
      assert.ok(removed);
      await failsWith("MISSING_FILE", Corom.load(files, F32), expected);
      const server = await serveWith(fromFiles(files));
      await failsWith("MISSING_FILE", Corom.load(server.address, F32), expected);
      await server.close();
    }
  });
});

describe("info.settings", () => {
  test("names the value and the source of each setting", async () => {
    const info = await assertVectors(folderOf("dense-tanh"), {}, cases["dense-tanh"].vectors);
    const found = Object.fromEntries(info.settings.map(({ setting, ...rest }) => [setting, rest]));
    assert.deepEqual(found.pooling, { value: "mean", source: "1_Pooling/config.json" });
    assert.equal(found.head.value[0].out_features, 8);
    assert.deepEqual(found.normalize, { value: true, source: "modules.json" });
    assert.equal(info.pooling, "mean");
    assert.deepEqual(found.model, { value: "model.onnx", source: "default" });
  });

  test("names options, and several poolings", async () => {
    const options = { ...F32, pooling: ["mean", "cls"], ignoreHead: true, maxLength: 9 };
    const corom = await Corom.load(folderOf("dense-tanh"), options);
    assert.deepEqual(corom.info.pooling, ["mean", "cls"]);
    assert.equal(corom.info.dimension, 32);
    assert.ok(corom.info.settings.some((s) => s.setting === "maxLength" && s.value === 9 && s.source === "options"));
    corom.free();
  });
});

describe("the graph's sentence vector", () => {
  test("is used if no file says how to pool, and by request", async () => {
    const expected = cases["dense-tanh"].vectors;
    const info = await assertVectors(ENCODER, {}, expected);
    assert.equal(info.pooling, "graph");
    assert.deepEqual(info.settings[0], { setting: "pooling", value: "graph", source: "model.onnx" });
    await assertVectors(folderOf("dense-tanh"), { pooling: "graph" }, expected);
  });

  test("is missing: POOLING_UNKNOWN lists the choices", async () => {
    const files = filesOf(exportFolder("legacy-op17"), ["config.json", "tokenizer.json", "model.onnx"]);
    await failsWith("POOLING_UNKNOWN", Corom.load(files), "mean_sqrt_len", "graph");
    await failsWith("UNSUPPORTED_POOLING", Corom.load(files, { pooling: "graph" }), "last_hidden_state");
  });
});
