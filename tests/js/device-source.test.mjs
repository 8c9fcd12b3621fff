// What identifies the model when it is loaded again for another device (fed-files.js), also if the source has no manifest.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FedFiles } from "../../pkg/lib/device/fed-files.js";
import { createHasherFactory as ofNode } from "../../pkg/lib/hash-node.js";
import { createHasherFactory as ofPages } from "../../pkg/lib/hash-web.js";
import { engineOf } from "../../pkg/lib/model-instance.js";
import { Corom } from "./support/corom.mjs";
import { untilMemories } from "./support/leaks.mjs";
import { withManifest } from "./support/manifest.mjs";
import { MODEL_FILES, exportFolder, filesOf, golden } from "./support/paths.mjs";

const BYTES = Uint8Array.from({ length: 1_200_000 }, (_, i) => i % 251);

describe("FedFiles", () => {
  for (const [name, factory] of [["Node", ofNode], ["pages", ofPages]]) {
    const contentOf = async (act) => {
      const fed = new FedFiles(await factory());
      const calls = [];
      const record = (call) => (...args) => void calls.push([call, ...args]);
      const sink = Object.fromEntries(["begin", "feed", "end", "missing"].map((call) => [call, record(call)]));
      act(fed.wrap(sink));
      return { content: await fed.content(), calls };
    };
    const feed = (sink, path, bytes, { chunk = bytes.length, size } = {}) => {
      sink.begin(path, size, false);
      for (let at = 0; at < bytes.length; at += chunk) sink.feed(path, bytes.subarray(at, at + chunk));
      sink.end(path);
    };

    test(`hashes the bytes, however they arrive (${name})`, async () => {
      const whole = await contentOf((sink) => (feed(sink, "b", BYTES, { size: BYTES.length }), feed(sink, "a", BYTES.slice(0, 9))));
      const inPieces = await contentOf((sink) => (feed(sink, "a", BYTES.slice(0, 9)), feed(sink, "b", BYTES, { chunk: 65_537 })));
      assert.match(whole.content, /^a [0-9a-f]{64}\nb [0-9a-f]{64,}\n$/);
      assert.equal(whole.content, inPieces.content);
      const changed = BYTES.slice();
      changed[700_000] ^= 1;
      const other = await contentOf((sink) => (feed(sink, "b", changed), feed(sink, "a", BYTES.slice(0, 9))));
      assert.notEqual(other.content, whole.content);
    });

    test(`forgets what was begun again, and files that are missing or have a SHA-256 (${name})`, async () => {
      const { content, calls } = await contentOf((sink) => {
        sink.begin("a", 9, false);
        sink.feed("a", BYTES.subarray(100, 105));
        feed(sink, "a", BYTES.subarray(0, 9));
        feed(sink, "gone", BYTES.subarray(0, 9));
        sink.missing("gone");
        sink.begin("b", 1, true);
        sink.feed("b", BYTES.subarray(0, 1));
        sink.end("b", "its SHA-256");
      });
      const { content: once } = await contentOf((sink) => feed(sink, "a", BYTES.subarray(0, 9)));
      assert.equal(content, once);
      assert.deepEqual(calls.at(-1), ["end", "b", "its SHA-256"]);
    });
  }

  test("hashes nothing where the host cannot", async () => {
    const sink = {};
    const fed = new FedFiles(undefined);
    assert.equal(fed.wrap(sink), sink);
    assert.equal(await fed.content(), undefined);
  });
});

test("an instance that was freed keeps neither the source's bytes nor a WebAssembly memory", async () => {
  for (const device of ["auto", "wasm"]) {
    const freed = async () => {
      const source = filesOf(exportFolder("legacy-op14"), MODEL_FILES);
      const corom = await Corom.load(source, { pooling: "cls", device, onProgress() {} });
      await corom.embed("裤");
      const bytes = Object.values(source).map((file) => new WeakRef(file));
      corom.free();
      return { corom, bytes };
    };
    const { corom, bytes } = await freed();
    await untilMemories(0);
    assert.deepEqual([corom.info.device, bytes.filter((file) => file.deref()).length], ["wasm", 0], device);
  }
});

test("a load for devices identifies the files of an ONNX export, and others do not hash them", async () => {
  const NAME = "legacy-op14";
  const files = filesOf(exportFolder(NAME), MODEL_FILES);
  const contentOf = async (source, device) => {
    const corom = await Corom.load(source, { maxLength: golden(NAME).max_length, pooling: "cls", device });
    const { content } = engineOf(corom);
    corom.free();
    return content;
  };
  const content = await contentOf(files, "auto");
  assert.match(content, /^model\.onnx [0-9a-f]+$/m);
  assert.equal(await contentOf(exportFolder(NAME), "auto"), content);
  assert.equal(await contentOf(files, "wasm"), undefined);
  const model = files["model.onnx"].slice();
  model[model.length >> 1] ^= 1; // in a weight
  assert.notEqual(await contentOf({ ...files, "model.onnx": model }, "auto"), content);
  const manifested = withManifest(exportFolder(NAME));
  assert.equal(await contentOf(manifested, "auto"), await contentOf(manifested, "wasm"));
});
