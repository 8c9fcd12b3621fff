// An ONNX file with large weights: it is read twice, and downloaded once.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { Corom as CoromInWorker } from "corom/worker";
import { Corom, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { withFolder } from "./support/loading.mjs";
import { madeUpConfig, madeUpOnnx } from "./support/made-up-onnx.mjs";
import { exportFolder, filesOf } from "./support/paths.mjs";

const TEXTS = ["阔腿裤女冬牛仔", "牛仔裤"];
const SHAPE = { layers: 2, hidden: 96, heads: 3, intermediate: 2048, vocab: 326, positions: 64 };
const ONNX = "onnx/model.onnx";
/** A byte of a weight. */
const IN_A_WEIGHT = 2_500_000;

const files = {
  ...filesOf(exportFolder("legacy-op17"), ["tokenizer.json"]),
  "config.json": Buffer.from(madeUpConfig(SHAPE)),
};
files[ONNX] = Buffer.from(await madeUpOnnx(SHAPE).arrayBuffer());
const options = { pooling: "cls" };
const withManifest = () => {
  const names = { "config.json": "config.json", "tokenizer.json": "tokenizer.json", "model.onnx": ONNX };
  const listed = Object.entries(names).map(([path, from]) => ({
    path,
    size: files[from].length,
    sha256: createHash("sha256").update(files[from]).digest("hex"),
  }));
  const manifest = {
    format: "corom-model",
    format_version: 1,
    created_by: "a test",
    pooling: "cls",
    normalize: false,
    max_length: 32,
    dtype: "f32",
    hidden_size: SHAPE.hidden,
    files: listed,
  };
  const contents = Object.fromEntries(Object.entries(names).map(([path, from]) => [path, files[from]]));
  return { ...contents, "corom.json": Buffer.from(JSON.stringify(manifest)) };
};

async function vectors(source, more = {}, Class = Corom) {
  const corom = await Class.load(source, { ...options, ...more });
  try {
    return [...(await corom.embed(TEXTS)).data];
  } finally {
    await corom.free();
  }
}

let server;
let expected;
before(async () => {
  assert.ok(files[ONNX].length > IN_A_WEIGHT + 1_000_000);
  server = await faultServer(files);
  expected = await vectors(files);
  assert.ok(expected.every(Number.isFinite));
});
after(() => server.close());
beforeEach(() => {
  server.take();
  Object.assign(server, { files, fault: undefined });
});

const requestsOf = (name) => server.take().filter((request) => request.name === name && request.status === 200);

describe("Corom.load of a large ONNX file", () => {
  test("downloads it once and gives the vectors of the same file in memory", async () => {
    const events = [];
    assert.deepEqual(await vectors(server.address, { onProgress: (event) => events.push(event) }), expected);
    assert.equal(requestsOf(ONNX).length, 1);
    const loaded = events.filter(({ phase }) => phase === "download").map((event) => event.loaded);
    assert.ok(loaded.every((bytes, i) => i === 0 || bytes >= loaded[i - 1]), "progress never goes back");
    const size = files[ONNX].length + files["config.json"].length + files["tokenizer.json"].length;
    assert.equal(loaded.at(-1), size, "the file is counted once");
  });

  test("reads Blobs twice, in a worker too", async () => {
    const blobs = Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, new Blob([bytes])]));
    assert.deepEqual(await vectors(blobs), expected);
    assert.deepEqual(await vectors(server.address, {}, CoromInWorker), expected);
    assert.equal(requestsOf(ONNX).length, 1);
  });

  test("continues a broken download and keeps what it had", async () => {
    server.fault = ({ name, count }) => (name === ONNX && count < 2 ? { cut: 1_500_000 } : undefined);
    assert.deepEqual(await vectors(server.address, { retries: 3 }), expected);
  });

  test("drops the kept bytes of a version that the server replaced during the download", async () => {
    const old = Buffer.from(files[ONNX]);
    for (let at = IN_A_WEIGHT; at < IN_A_WEIGHT + 4096; at += 4) old[at] ^= 0x40;
    server.fault = ({ name, count }) =>
      name === ONNX && count === 0 ? { other: old, cut: 3_000_000, tag: '"old"' } : undefined;
    assert.deepEqual(await vectors(server.address, { retries: 3 }), expected);
  });

  test("takes both readings from the cache", () =>
    withFolder(async (cacheDir) => {
      server.files = withManifest();
      assert.deepEqual(await vectors(server.address, { cacheDir }), expected);
      assert.equal(requestsOf("model.onnx").length, 1);
      assert.deepEqual(await vectors(server.address, { cacheDir }), expected);
      assert.equal(requestsOf("model.onnx").length, 0);
    }));

  test("rejects a file that changes between its readings with INTEGRITY_MISMATCH", async () => {
    const changed = Buffer.from(files[ONNX]);
    changed[changed.length - 1] ^= 1;
    let reads = 0;
    const blob = (bytes) => ({
      size: bytes.length,
      slice: (from, to) => ({
        arrayBuffer: async () => {
          if (from === 0) reads++;
          return new Uint8Array((reads > 1 ? changed : bytes).subarray(from, to)).buffer;
        },
      }),
      arrayBuffer() {},
    });
    const source = { ...files, [ONNX]: blob(files[ONNX]) };
    await failsWith("INTEGRITY_MISMATCH", Corom.load(source, options), "changed while the model was loaded");
    assert.equal(reads, 2);
  });

  test("runs unfused", async () => {
    const unfused = await vectors(server.address, { advanced: { fused: false } });
    const worst = Math.max(...unfused.map((x, i) => Math.abs(x - expected[i])));
    assert.ok(worst < 0.01 && worst > 0, `${worst}`);
    assert.equal(requestsOf(ONNX).length, 1);
  });
});
