// `corom/convert` in Node: the bytes, words and errors of the native command.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { convert, inspect } from "corom/convert";
import { converterModule, corom, differingFiles, native, readFolder, scratch } from "./support/converter.mjs";
import { Corom, failsWith } from "./support/corom.mjs";
import { FIXTURES, fixtureNames } from "./support/paths.mjs";

const wasm = await converterModule();
const checkpoint = (name) => path.join(FIXTURES, "checkpoints", name);
const DTYPES = ["f32", "int8", "int4"];

/** Folders of every kind: weight files, families, poolings, exports. Each in one number type, the first in all. */
const CASES = [
  ...DTYPES.map((dtype) => ["checkpoints/wide", dtype]),
  ["checkpoints/prefix-model", "int8"],
  ["checkpoints/legacy-bert-prefix-float16", "int4"],
  ["checkpoints/safetensors-bfloat16", "int8"],
  ["checkpoints/strided", "f32"],
  ["checkpoints/modelscope-avg-first-last", "int8"],
  ["checkpoints/modelscope-avg-normalize", "f32"],
  ["checkpoints/act-gelu-new", "int8"],
  ["checkpoints/xlm-roberta", "int4"],
  ["checkpoints/ernie-task", "int8"],
  ...DTYPES.map((dtype) => ["exports/classic-op17", dtype]),
  ["exports/external-shards", "int8"],
  ["exports/fused-int8", "int8"],
  ["exports/float16", "f32"],
  ["exports/nbits4-zero-point", "int4"],
  ["exports/roberta-dynamo", "int8"],
  ["rerankers/trained", "int8", {}],
  ["rerankers/trained", "int4", { from: "onnx" }],
];

describe("convert", () => {
  for (const [name, dtype, more = { pooling: "cls" }] of CASES) {
    test(`writes the native command's bytes and words for ${name} in ${dtype}`, async (t) => {
      const folder = scratch(t);
      const [source, mine, theirs] = [path.join(FIXTURES, name), path.join(folder, "wasm"), path.join(folder, "native")];
      const options = { dtype, ...more, out: mine, wasm };
      const words = Object.entries(more).flatMap(([option, value]) => [`--${option}`, value]);
      const run = native("convert", source, theirs, "--dtype", dtype, ...words);
      assert.equal(run.status, 0, run.stderr);
      const { report, manifest } = await convert(source, options);
      assert.deepEqual(differingFiles(readFolder(mine), readFolder(theirs)), []);
      assert.deepEqual([manifest.dtype, readdirSync(folder).sort()], [dtype, ["native", "wasm"]]);
      // The native command's report, without the path, the time and the second opinion.
      const lines = run.stdout.trimEnd().split("\n").slice(1, -1).map((line) => line.trim().replace(/, [\d.]+ s$/, ""));
      assert.deepEqual(report, lines);
    });
  }

  test("keeps the tokens of given texts, with the bytes of both commands", async (t) => {
    const folder = scratch(t);
    const [mine, theirs, packaged, texts, records] = ["mine", "theirs", "packaged", "texts.txt", "items.jsonl"].map((name) => path.join(folder, name));
    const kept = ["阔腿裤女冬牛仔", "iPhone 15 Pro"];
    writeFileSync(texts, `\ufeff${kept.join("\r\n\n")}\n`);
    writeFileSync(records, "{}\n");
    const { report } = await convert(checkpoint("wide"), { dtype: "int8", keepVocab: kept, out: mine, wasm });
    const words = ["--dtype", "int8", "--keep-vocab", texts];
    for (const [run, out] of [[native, theirs], [corom, packaged]]) {
      const { status, stderr } = run("convert", checkpoint("wide"), out, ...words);
      assert.equal(status, 0, stderr);
      assert.deepEqual(differingFiles(readFolder(mine), readFolder(out)), []);
    }
    assert.match(report.join("\n"), /vocabulary \d+ of 326,/);
    const [whole, cut] = [await Corom.load((await convert(checkpoint("wide"), { dtype: "int8", wasm })).files), await Corom.load(mine)];
    assert.deepEqual(await cut.embed(kept), await whole.embed(kept));
    assert.equal(cut.info.lineage, whole.info.lineage);
    const { tokens } = await cut.tokenize("厨房");
    assert.deepEqual(tokens.slice(1, -1), ["[UNK]", "[UNK]"]);
    for (const corom of [whole, cut]) corom.free();
    const run = corom("convert", checkpoint("wide"), path.join(folder, "out"), "--keep-vocab", records);
    assert.match(run.stderr, /INVALID_ARGUMENT.*items\.jsonl: expected a \.txt or \.tsv file/);
  });

  test("reads the same from bytes, a Map of Blobs and a file: URL, and returns files that load", async (t) => {
    const given = readFolder(checkpoint("wide"));
    const out = path.join(scratch(t), "out");
    await convert(pathToFileURL(checkpoint("wide")), { dtype: "int8", out: pathToFileURL(out), wasm });
    const expected = readFolder(out);
    const sources = [
      Object.fromEntries([...given].map(([name, bytes]) => [name, new Uint8Array(bytes)])),
      new Map([...given].map(([name, bytes]) => [`./${name}`, new Blob([bytes])])),
      [...given].map(([name, bytes]) => new File([bytes], name)),
    ];
    for (const source of sources) {
      const { files } = await convert(source, { dtype: "int8", wasm });
      assert.deepEqual(differingFiles(new Map(Object.entries(files)), expected), []);
      const corom = await Corom.load(files);
      assert.equal(corom.info.dtype, "int8");
      corom.free();
    }
  });

  test("converts an .onnx file whose config.json is in the parent folder", async (t) => {
    const out = path.join(scratch(t), "out");
    const source = path.join(FIXTURES, "exports/fused-int8/onnx");
    const [name] = readdirSync(source).filter((file) => file.endsWith(".onnx"));
    const { weights } = await convert(path.join(source, name), { out, pooling: "cls", wasm });
    assert.equal(weights, `onnx/${name}`);
  });

  test("finds an ONNX file two levels below, on disk and in memory, as the native command does", async (t) => {
    const folder = scratch(t);
    const [source, mine, theirs] = ["source", "mine", "theirs"].map((name) => path.join(folder, name));
    const files = readFolder(path.join(FIXTURES, "exports/classic-op17"));
    const modules = [{ idx: 0, name: "0", path: "0_Transformer", type: "sentence_transformers.models.Transformer" }];
    const pooled = [...modules, { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" }];
    const placed = { "modules.json": JSON.stringify(pooled), "1_Pooling/config.json": '{"word_embedding_dimension":32,"pooling_mode_cls_token":true}', "empty/": "" };
    for (const [name, bytes] of files) placed[`0_Transformer/${name.endsWith(".onnx") ? `onnx/${path.basename(name)}` : name}`] = bytes;
    for (const [name, bytes] of Object.entries(placed)) {
      mkdirSync(path.dirname(path.join(source, name)), { recursive: true });
      if (!name.endsWith("/")) writeFileSync(path.join(source, name), bytes);
    }
    const run = native("convert", source, theirs);
    assert.equal(run.status, 0, run.stderr);
    await convert(source, { out: mine, wasm });
    assert.deepEqual(differingFiles(readFolder(mine), readFolder(theirs)), []);
    const { files: inMemory } = await convert(placed, { wasm });
    assert.deepEqual(differingFiles(new Map(Object.entries(inMemory)), readFolder(theirs)), []);
  });

  test("makes the folders above its own, and removes them if it fails", async (t) => {
    const folder = scratch(t);
    const out = path.join(folder, "a/b/model");
    await failsWith("INVALID_ARGUMENT", convert(checkpoint("wide"), { out, dtype: "int3", wasm }));
    writeFileSync(path.join(folder, "file"), "");
    await failsWith("FETCH_FAILED", convert(checkpoint("wide"), { out: path.join(folder, "file/b"), wasm }));
    await failsWith("FETCH_FAILED", convert(checkpoint("wide"), { out: "/proc/corom/model", wasm }), "cannot create");
    assert.deepEqual(readdirSync(folder), ["file"]);
    await convert(checkpoint("wide"), { out, wasm });
    assert.deepEqual(readdirSync(path.dirname(out)), ["model"]);
  });

  test("rejects every bad checkpoint with the native command's code and message, and leaves nothing", async (t) => {
    const folder = scratch(t);
    const out = path.join(folder, "out");
    const bad = fixtureNames("checkpoints").filter((name) => existsSync(path.join(checkpoint(name), "expect.json")));
    assert.ok(bad.length >= 8);
    for (const name of bad) {
      const { status, stderr } = native("convert", checkpoint(name), out);
      assert.equal(status, 1);
      const [, code, message] = /^error\[(\w+)\]: (.*)$/m.exec(stderr);
      const error = await failsWith(code, convert(checkpoint(name), { out, wasm }));
      assert.equal(error.message, message);
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  test("replaces a model folder only with force, and nothing else ever", async (t) => {
    const folder = scratch(t);
    const out = path.join(folder, "out");
    const source = checkpoint("wide");
    await convert(source, { out, wasm });
    await failsWith("INVALID_ARGUMENT", convert(source, { out, wasm }), "exists already", "--force");
    const { manifest } = await convert(source, { out, force: true, dtype: "int4", wasm });
    assert.equal(manifest.dtype, "int4");
    writeFileSync(path.join(folder, "file"), "x");
    await failsWith("INVALID_ARGUMENT", convert(source, { out: path.join(folder, "file"), force: true, wasm }), "no model folder");
    await failsWith("INVALID_ARGUMENT", convert(source, { out: folder, force: true, wasm }), "no model folder");
    await failsWith("INVALID_ARGUMENT", convert(out, { out, force: true, wasm }), "contains the checkpoint");
    assert.deepEqual(readdirSync(folder).sort(), ["file", "out"]);
  });

  test("stops at an abort or an error of onProgress at any moment, and leaves nothing", async (t) => {
    const folder = scratch(t);
    const out = path.join(folder, "out");
    const stopAt = [];
    const count = (event) => void stopAt.push(event.phase);
    await convert(checkpoint("wide"), { dtype: "int8", wasm, onProgress: count });
    assert.deepEqual([...new Set(stopAt)], ["wasm", "convert", "self-test", "done"]);
    for (const at of [0, 1, 5, stopAt.indexOf("self-test"), stopAt.length - 2]) {
      const controller = new AbortController();
      const reason = new Error("stop");
      let events = 0;
      const onProgress = () => events++ === at && controller.abort(reason);
      const options = { out, dtype: "int8", wasm, signal: controller.signal, onProgress };
      await assert.rejects(convert(checkpoint("wide"), options), (error) => error === reason);
      const throwing = () => {
        throw reason;
      };
      await assert.rejects(convert(checkpoint("wide"), { out, wasm, onProgress: throwing }), (error) => error === reason);
    }
    const aborted = AbortSignal.abort();
    await assert.rejects(convert(checkpoint("wide"), { out, wasm, signal: aborted }), { name: "AbortError" });
    assert.deepEqual(readdirSync(folder), []);
  });

  test("says what is wrong with its arguments", async () => {
    const source = checkpoint("wide");
    for (const [given, options, ...words] of [
      ["https://host/model/", {}, "download"],
      [42, {}, "source", "42"],
      [path.join(FIXTURES, "nowhere"), {}, "MISSING"],
      [source, { dtype: "int3" }, "int3"],
      [source, { pooling: "mid" }, "mid"],
      [source, { pooling: 3 }, "pooling"],
      [source, { maxLength: 1.5 }, "maxLength"],
      [source, { maxLenght: 64 }, "maxLength"],
      [source, { from: "tf" }, "tf"],
      [source, { out: 7 }, "out"],
      [source, { maxShardSize: 65_535 }, "maxShardSize", "65536"],
      [source, { maxShardSize: 1e9 }, "maxShardSize"],
      [source, { keepVocab: [] }, "keepVocab"],
      [source, { keepVocab: "阔腿裤" }, "keepVocab", "array"],
      [source, { keepVocab: ["阔", 5] }, "keepVocab[1]", "5"],
      [source, { signal: {} }, "signal"],
      [source, { wasm: new Uint8Array(8) }, "wasm"],
      [source, { wasm: new Response("", { status: 404 }) }, "wasm", "404"],
      [source, { worker: 42 }, "worker", "42"],
      [{ get "config.json"() { throw new Error("mine"); } }, {}, "source", "mine"],
    ]) {
      const code = words[0] === "MISSING" ? "MISSING_FILE" : "INVALID_ARGUMENT";
      await failsWith(code, convert(given, { ...(options.wasm ? {} : { wasm }), ...options }), ...words.filter((word) => word !== "MISSING"));
    }
    // A promise that is rejected is no unhandled rejection if the binary is not needed.
    for (const [given, dtype] of [[42, "f32"], [source, 5]])
      await failsWith("INVALID_ARGUMENT", convert(given, { dtype, wasm: Promise.reject(new Error("not needed")) }));
    await failsWith("FETCH_FAILED", convert(source, { wasm: Promise.reject(new Error("lost")) }), "wasm", "lost");
  });
});

describe("inspect", () => {
  test("gives the native command's lines, and the first error after all files were checked", async (t) => {
    const out = path.join(scratch(t), "out");
    await convert(checkpoint("wide"), { out, dtype: "int8", wasm });
    const expected = native("inspect", out).stdout.trimEnd().split("\n").slice(1).map((line) => line.slice(2));
    assert.deepEqual(await inspect(out, { wasm }), expected);
    assert.equal((await inspect(out, { wasm, check: true })).at(-1), "self-test     passed");
    const damaged = readFolder(out).get("model.onnx_data_000");
    damaged[100] ^= 1;
    writeFileSync(path.join(out, "model.onnx_data_000"), damaged);
    const lines = [];
    const error = await failsWith("INTEGRITY_MISMATCH", inspect(out, { wasm, onLine: (line) => lines.push(line) }), "the folder is damaged");
    assert.ok(native("inspect", out).stderr.includes(error.message));
    assert.ok(lines.some((line) => line.includes("BAD")) && lines.at(-1).includes("bytes in"));
  });

  test("shows another tool's folder as the native command does", async () => {
    const folder = path.join(FIXTURES, "exports/classic-op17");
    const expected = native("inspect", folder).stdout.trimEnd().split("\n").slice(1).map((line) => line.slice(2));
    assert.deepEqual(await inspect(folder, { wasm }), expected);
    await failsWith("MISSING_FILE", inspect(path.join(FIXTURES, "nowhere"), { wasm }), "not a folder");
  });
});
