// Corom.load from every kind of source, and with every kind of WebAssembly.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { EXACT, MODEL, SIZE, loadsRight } from "./support/loading.mjs";
import { withManifest } from "./support/manifest.mjs";
import { MODEL_FILES, PKG, exportFolder, filesOf, golden } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const NAME = "legacy-op14";
const FOLDER = exportFolder(NAME);
const GOLDEN = golden(NAME);
const OPTIONS = { ...EXACT, maxLength: GOLDEN.max_length, pooling: "cls" };
const CLS = GOLDEN.vectors.cls;
const TOLERANCE = GOLDEN.tolerance;

describe("Corom.load", () => {
  const files = filesOf(FOLDER, MODEL_FILES);
  let site;
  before(async () => (site = await serveWith(fromFiles(prefixed("模型/v 1/", files)))));
  after(() => site.close());

  async function loads(source, options = {}) {
    const corom = await Corom.load(source, { ...OPTIONS, ...options });
    assertClose(await corom.embed(GOLDEN.texts[1]), CLS[1], TOLERANCE);
    corom.free();
  }

  test("loads from a path, a file: URL, and the path of an .onnx file", async () => {
    await loads(FOLDER);
    await loads(FOLDER + path.sep);
    await loads(path.relative(process.cwd(), FOLDER));
    await loads(pathToFileURL(FOLDER));
    await loads(pathToFileURL(FOLDER).href + "/");
    await loads(path.join(FOLDER, "model.onnx"));
    await loads(FOLDER, { model: "model.onnx" });
  });

  test("loads from an HTTP address, with and without a slash, of the .onnx file, and with a query", async () => {
    await loads(new URL("模型/v 1/", site.address));
    await loads(`${site.address}模型/v 1`);
    await loads(`${site.address}${encodeURI("模型/v 1/model.onnx")}?download=true`);
    const queries = new Set();
    const guarded = await serveWith((name, response) => {
      queries.add(name.split("?")[1]);
      fromFiles(files)(name, response);
    });
    await loads(`${guarded.address}?token=a%20b#hash`);
    assert.deepEqual([...queries], ["token=a%20b"], "the query is sent with every file");
    await guarded.close();
  });

  test("rejects an address with a % that encodes nothing with INVALID_ARGUMENT", async () => {
    for (const wrong of ["%zz.onnx", "%ff.onnx", "onnx/a%.onnx"])
      await failsWith("INVALID_ARGUMENT", Corom.load(site.address + wrong), wrong);
  });

  test("uses the manifest beside a model.onnx that is given by its own address", async () => {
    const ours = withManifest(FOLDER, { pooling: "mean", max_length: GOLDEN.max_length });
    const server = await serveWith(fromFiles(ours));
    const folder = mkdtempSync(path.join(tmpdir(), "corom-test-"));
    for (const [name, bytes] of Object.entries(ours)) writeFileSync(path.join(folder, name), bytes);
    const onnx = path.join(folder, "model.onnx");
    try {
      for (const source of [`${server.address}model.onnx`, onnx, pathToFileURL(onnx)]) {
        const corom = await Corom.load(source, EXACT);
        assert.deepEqual([corom.info.pooling, corom.info.maxLength], ["mean", GOLDEN.max_length], String(source));
        assertClose(await corom.embed(GOLDEN.texts[1]), GOLDEN.vectors.mean[1], TOLERANCE);
        corom.free();
      }
      const damaged = { ...ours, "config.json": ours["config.json"].subarray(0, -1) };
      await failsWith("INTEGRITY_MISMATCH", Corom.load(damaged, { model: "model.onnx" }), "config.json");
    } finally {
      rmSync(folder, { recursive: true });
      await server.close();
    }
  });

  test("loads an .ONNX file in any case, by address, by path, by name, and by itself", async () => {
    const { "model.onnx": onnx, ...rest } = files;
    const shouted = { ...rest, "Model.ONNX": onnx };
    const server = await serveWith(fromFiles(shouted));
    const folder = mkdtempSync(path.join(tmpdir(), "corom-test-"));
    for (const [name, bytes] of Object.entries(shouted)) writeFileSync(path.join(folder, name), bytes);
    try {
      await loads(`${server.address}Model.ONNX`);
      await loads(server.address, { model: "Model.ONNX" });
      await loads(path.join(folder, "Model.ONNX"));
      await loads(folder);
      await loads(shouted);
    } finally {
      rmSync(folder, { recursive: true });
      await server.close();
    }
  });

  test("loads from an onnx/ folder, the layout of transformers.js", async () => {
    const { "model.onnx": onnx, ...rest } = files;
    const layout = { ...rest, "onnx/model.onnx": onnx };
    await loads(layout);
    await loads({ ...rest, "onnx/model_quantized.onnx": onnx });
    await loads({ ...rest, "onnx/other.onnx": onnx, "model.onnx": new Uint8Array(9) }, { model: "onnx/other.onnx" });
    const server = await serveWith(fromFiles(layout));
    await loads(server.address);
    await loads(`${server.address}onnx/model.onnx`);
    await server.close();
    const folder = exportFolder("legacy-op13");
    const expected = golden("legacy-op13");
    for (const source of [folder, path.join(folder, "onnx/model.onnx")]) {
      const corom = await Corom.load(source, OPTIONS);
      assertClose(await corom.embed(expected.texts[1]), expected.vectors.cls[1], expected.tolerance);
      corom.free();
    }
  });

  test("loads files in memory from an object or a Map, with every kind of contents", async () => {
    await loads(files);
    await loads(new Map(Object.entries(files)));
    await loads(prefixed("./", files));
    const text = new TextDecoder().decode(files["config.json"]);
    const onnx = files["model.onnx"];
    await loads({
      ...files,
      "config.json": text,
      "model.onnx": onnx.buffer.slice(onnx.byteOffset, onnx.byteOffset + onnx.length),
    });
    await loads({
      ...files,
      "model.onnx": new Blob([onnx]),
      "tokenizer.json": new DataView(files["tokenizer.json"].slice().buffer),
    });
    await loads(Object.assign(Object.create(null), files));
  });

  test("loads a list of File objects, with and without the path of the folder that was picked", async () => {
    const list = Object.entries(files).map(([name, bytes]) => new File([bytes], name));
    await loads(list);
    for (const file of list) Object.defineProperty(file, "webkitRelativePath", { value: `my model/${file.name}` });
    await loads(list);
  });

  test("loads external data in shards", async () => {
    const expected = golden("external-shards");
    const corom = await Corom.load(exportFolder("external-shards"), OPTIONS);
    assertClose(await corom.embed(expected.texts[1]), expected.vectors.cls[1], expected.tolerance);
    corom.free();
  });

  test("reports progress, and rejects with what onProgress throws", async () => {
    const events = [];
    await loads(`${site.address}模型/v 1`, { onProgress: (event) => events.push(event) });
    const phases = [...new Set(events.map(({ phase }) => phase))].filter((phase) => phase !== "wasm");
    assert.deepEqual(phases, ["download", "pack", "done"]);
    const downloads = events.filter(({ phase }) => phase === "download");
    const size = MODEL_FILES.reduce((sum, name) => sum + files[name].length, 0);
    assert.ok(events.at(-1).loaded >= size && events.at(-1).loaded === events.at(-1).total);
    downloads.reduce((before, { loaded }) => (assert.ok(loaded >= before), loaded), 0);
    const last = downloads.filter(({ file }) => file === "model.onnx").at(-1);
    assert.deepEqual([last.fileLoaded, last.fileTotal], [files["model.onnx"].length, files["model.onnx"].length]);
    const thrown = new Error("from onProgress");
    await assert.rejects(
      Corom.load(FOLDER, {
        onProgress: () => {
          throw thrown;
        },
      }),
      thrown,
    );
    const late = (event) => {
      if (event.phase === "download") throw thrown;
    };
    await assert.rejects(Corom.load(FOLDER, { onProgress: late }), thrown);
    await assert.rejects(Corom.load(site.address + "模型/v 1", { onProgress: late }), thrown);
  });
});

describe("the progress of a converted model", () => {
  let server;
  before(async () => (server = await faultServer(MODEL.files, () => ({ slow: 20 }))));
  after(() => server.close());

  test("has every phase, a total once the manifest is loaded, and a rate", async () => {
    const events = await loadsRight(server.address);
    const phases = events.map(({ phase }) => phase).filter((phase) => phase !== "wasm");
    assert.deepEqual([...new Set(phases)], ["download", "pack", "self-test", "done"]);
    const known = events.filter(({ phase, file }) => phase === "download" && file !== "corom.json");
    assert.deepEqual([...new Set(known.map(({ total }) => total))], [SIZE]);
    known.reduce((before, { loaded }) => (assert.ok(loaded >= before), loaded), 0);
    assert.deepEqual([known.at(-1).loaded, events.at(-1).loaded, events.at(-1).total], [SIZE, SIZE, SIZE]);
    const rates = known.map(({ rate }) => rate).filter((rate) => rate !== undefined);
    assert.ok(rates.length > 0 && rates.every((rate) => rate > 0 && Number.isFinite(rate)), String(rates));
    assert.equal(known[0].fileTotal, MODEL.files[known[0].file].length);
  });

  test("has no phase self-test if the self-test is turned off", async () => {
    const events = await loadsRight(server.address, { selfTest: false });
    assert.ok(!events.some(({ phase }) => phase === "self-test"));
    assert.equal(events.at(-1).phase, "done");
  });
});

describe("Corom.load with options.wasm", () => {
  const file = path.join(PKG, "wasm/corom.wasm");

  test("takes bytes, a module, a Response, a URL, or a promise of one", async () => {
    const bytes = await readFile(file);
    const response = () => new Response(bytes, { headers: { "content-type": "application/wasm" } });
    const server = await serveWith(fromFiles({ "corom.wasm": bytes }));
    const inputs = [
      bytes,
      await WebAssembly.compile(bytes),
      response(),
      new Response(bytes),
      Promise.resolve(response()),
      pathToFileURL(file),
      pathToFileURL(file).href,
      `${server.address}corom.wasm`,
    ];
    for (const wasm of inputs) {
      const corom = await Corom.load(FOLDER, { ...OPTIONS, wasm });
      assert.equal(corom.info.simd, "custom");
      assertClose(await corom.embed(GOLDEN.texts[1]), CLS[1], TOLERANCE);
      corom.free();
    }
    await server.close();
  });

  test("rejects what is no WebAssembly with INVALID_ARGUMENT or FETCH_FAILED", async () => {
    await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { wasm: new Uint8Array(8) }));
    await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { wasm: 5 }), "the number 5");
    await failsWith("FETCH_FAILED", Corom.load(FOLDER, { wasm: "corom.wasm" }), path.resolve("corom.wasm"));
    await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { wasm: "" }), "wasm");
    await failsWith("FETCH_FAILED", Corom.load(FOLDER, { wasm: pathToFileURL("/nowhere/corom.wasm") }), "nowhere");
    const server = await serveWith((_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
    );
    await failsWith("FETCH_FAILED", Corom.load(FOLDER, { wasm: server.address }));
    await server.close();
  });

  test("rejects with the signal's reason if a promise never settles, and with FETCH_FAILED if it is rejected", async () => {
    const cause = new Error("offline");
    const error = await failsWith("FETCH_FAILED", Corom.load(FOLDER, { wasm: Promise.reject(cause) }), "offline");
    assert.equal(error.cause, cause);
    const reason = new Error("enough");
    const controller = new AbortController();
    const loading = Corom.load(FOLDER, { wasm: new Promise(() => {}), signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(loading, reason);
  });
});

function prefixed(prefix, files) {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [prefix + name, bytes]));
}
