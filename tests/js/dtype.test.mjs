// The option `dtype`: which of a folder's exports is loaded, from every kind of source.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Corom as InWorker } from "corom/worker";
import { Corom, cosine, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, withFolder } from "./support/loading.mjs";
import { exportFolder, filesOf, golden } from "./support/paths.mjs";

const QUANTIZED = "onnx/model_quantized.onnx";
const JSON_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"];
const f32 = filesOf(exportFolder("legacy-op13"), [...JSON_FILES, "onnx/model.onnx"]);
const int8 = filesOf(exportFolder("int8-qint8-channel"), [QUANTIZED]);
/** A folder as onnx-community lays it out. */
const FILES = { ...f32, ...int8 };
const { texts } = golden("legacy-op13");
/** The vectors of each export: their weights differ. */
const VECTORS = {
  f32: golden("legacy-op13").vectors.cls,
  int8: golden("int8-qint8-channel").vectors.cls,
};

let server;
before(async () => (server = await faultServer(FILES)));
after(() => server.close());
beforeEach(() => {
  server.take();
  server.files = FILES;
});

const onnxRequests = () => server.take().map(({ name }) => name).filter((name) => name.endsWith(".onnx"));

/** Loads and returns `info.model`. The vectors are checked against those of that export. */
async function modelOf(source, options, Class = Corom) {
  const corom = await Class.load(source, { pooling: "cls", ...options });
  try {
    const data = await corom.embed(texts[1]);
    const { model } = corom.info;
    assert.ok(cosine(data, VECTORS[/quantized|int8/.test(model) ? "int8" : "f32"][1]) > 0.99);
    return model;
  } finally {
    corom.free();
  }
}

describe("dtype", () => {
  test("auto fetches the 8-bit export alone; with precision f32, the f32 export", async () => {
    assert.equal(await modelOf(server.address), QUANTIZED);
    assert.deepEqual(onnxRequests(), ["model_quantized.onnx", QUANTIZED]);
    assert.equal(await modelOf(server.address, { quality: "float" }), "onnx/model.onnx");
    assert.deepEqual(onnxRequests(), ["model.onnx", "onnx/model.onnx"]);
  });

  test("means the same for a URL, a folder on disk, files in memory and corom/worker", () =>
    withFolder(async (folder) => {
      for (const [name, bytes] of Object.entries(FILES)) {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), bytes);
      }
      for (const [dtype, expected] of [
        ["auto", QUANTIZED],
        ["q8", QUANTIZED],
        ["int8", QUANTIZED],
        ["fp32", "onnx/model.onnx"],
        ["f32", "onnx/model.onnx"],
      ]) {
        for (const source of [server.address, folder, FILES]) assert.equal(await modelOf(source, { dtype }), expected);
      }
      assert.equal(await modelOf(server.address, { dtype: "fp32" }, InWorker), "onnx/model.onnx");
    }));

  test("that does not exist is MISSING_FILE, with the files that exist or were tried", async () => {
    await failsWith("MISSING_FILE", Corom.load(FILES, { dtype: "fp16" }), "onnx/model.onnx (fp32)", `${QUANTIZED} (q8)`);
    await failsWith("MISSING_FILE", Corom.load(server.address, { dtype: "q4" }), "q4", "onnx/model_q4.onnx");
    assert.deepEqual(onnxRequests(), ["model_q4.onnx", "onnx/model_q4.onnx", "model_int4.onnx", "onnx/model_int4.onnx"]);
  });

  test("chooses among unusual names by their words; several are listed", async () => {
    const named = { ...f32, "small-fp32.onnx": f32["onnx/model.onnx"], "small-int8.onnx": int8[QUANTIZED] };
    delete named["onnx/model.onnx"];
    assert.equal(await modelOf(named, { dtype: "q8" }), "small-int8.onnx");
    await failsWith("INVALID_ARGUMENT", Corom.load(named), "small-fp32.onnx, small-int8.onnx");
  });

  test("beside model and corom.json: a contradiction is INVALID_ARGUMENT", async () => {
    assert.equal(await modelOf(FILES, { model: QUANTIZED, dtype: "q8" }), QUANTIZED);
    await failsWith("INVALID_ARGUMENT", Corom.load(FILES, { model: QUANTIZED, dtype: "fp32" }), QUANTIZED, "fp32");
    await failsWith("INVALID_ARGUMENT", Corom.load(`${server.address}${QUANTIZED}`, { dtype: "fp32" }), QUANTIZED);
    server.files = MODEL.files;
    await failsWith("INVALID_ARGUMENT", Corom.load(server.address, { dtype: "int8" }), "corom.json", "f32");
    (await Corom.load(server.address, { dtype: "fp32" })).free();
  });

  test("rejects other words, and bnb4 by name", async () => {
    for (const dtype of ["fp8", "Q8", "", 8, true]) await failsWith("INVALID_ARGUMENT", Corom.load(FILES, { dtype }), "dtype");
    await failsWith("INVALID_ARGUMENT", Corom.load(FILES, { dtype: "bnb4" }), "bnb4", "does not run");
  });

  test("a byte order mark and null in the JSON files change nothing", async () => {
    const edited = { ...FILES };
    for (const name of JSON_FILES) {
      const value = JSON.parse(new TextDecoder().decode(FILES[name]));
      if (name !== "tokenizer.json") value.a_new_key = null;
      edited[name] = `\ufeff${JSON.stringify(value)}`;
    }
    assert.equal(await modelOf(edited), QUANTIZED);
  });
});
