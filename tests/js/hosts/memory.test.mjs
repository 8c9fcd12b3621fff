// Corom.load holds a model in memory once: bytes go on into WebAssembly as they arrive, and weights are packed as they
// arrive. With m3e-small, which is large enough to tell, and with made-up weights of the shape of larger models.
import assert from "node:assert/strict";
import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { serve } from "../../../www/serve.mjs";
import { Corom } from "../support/corom.mjs";
import { gc } from "../support/leaks.mjs";
import { withFolder } from "../support/loading.mjs";
import { BASE, M3E_SMALL, madeUpConfig, madeUpOnnx } from "../support/made-up-onnx.mjs";
import { m3eFolder } from "../support/paths.mjs";

const MIB = 2 ** 20;
/** The model has 90 MiB. A load that kept what it fed would hold all of it at the end. */
const MIN_MODEL_BYTES = 80 * MIB;
/** Half of a model. The server runs in this process, so its buffers count too, and there are more on a busy machine. */
const MAX_BUFFER_BYTES = MIN_MODEL_BYTES / 2;
const SAMPLE_BYTES = 8 * MIB;

let server;
let address;
before(async () => ({ server, address } = await serve({ "/": m3eFolder() })));
after(() => server.close().closeAllConnections());

/** Returns the most bytes that buffers outside WebAssembly held during a load, garbage not counted. */
async function peakBuffers(source, options = {}) {
  gc();
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  let size = 0;
  let sampledAt = -Infinity;
  const onProgress = ({ phase, loaded = 0, total }) => {
    if (phase === "pack") size = total;
    if (phase !== "pack" && loaded < sampledAt + SAMPLE_BYTES) return;
    sampledAt = loaded;
    gc();
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  };
  const corom = await Corom.load(source, { ...options, selfTest: false, onProgress });
  assert.ok(size > MIN_MODEL_BYTES, `the model has ${size} bytes`);
  corom.free();
  return peak;
}

describe("Corom.load", () => {
  test("holds few bytes of a model outside WebAssembly, from a server, a cache, a folder and Blobs", async () => {
    await withFolder(async (cacheDir) => {
      const folder = m3eFolder();
      const names = await readdir(folder);
      const blobs = Object.fromEntries(
        await Promise.all(names.map(async (name) => [name, await openAsBlob(path.join(folder, name))])),
      );
      const peaks = {
        server: await peakBuffers(address),
        "server, writing a cache": await peakBuffers(address, { cacheDir }),
        cache: await peakBuffers(address, { cacheDir }),
        folder: await peakBuffers(folder),
        Blobs: await peakBuffers(blobs),
      };
      for (const [source, bytes] of Object.entries(peaks))
        assert.ok(bytes < MAX_BUFFER_BYTES, `${source}: ${(bytes / MIB).toFixed(1)} MiB`);
    });
  });

  test("would be caught if it kept the files: a caller who does is", async () => {
    const names = await readdir(m3eFolder());
    const kept = [];
    const peak = await peakBuffers(address, {
      async fetch(url, init) {
        const bytes = new Uint8Array(await (await fetch(url, init)).arrayBuffer());
        kept.push(bytes);
        return new Response(bytes);
      },
    });
    assert.ok(kept.length >= names.length - 1);
    assert.ok(peak > MAX_BUFFER_BYTES, `${(peak / MIB).toFixed(1)} MiB`);
  });
});

describe("Corom.load of a float ONNX file with all its weights", () => {
  // The limits are for the peak of WebAssembly's memory, which never shrinks.
  const LIMITS = [
    ["m3e-small's shape, 95 MB", M3E_SMALL, 60],
    ["BERT-base's shape, 407 MB", BASE, 300],
  ];
  for (const [name, shape, limit] of LIMITS) {
    test(`needs at most ${limit} MiB for ${name}`, async (t) => {
      const tokenizer = await openAsBlob(path.join(m3eFolder(), "tokenizer.json"));
      const files = { "config.json": madeUpConfig(shape), "tokenizer.json": tokenizer, "model.onnx": madeUpOnnx(shape) };
      const corom = await Corom.load(files, { pooling: "cls" });
      const { wasmMemory, precision } = corom.info;
      t.diagnostic(`${name}: ${(wasmMemory / MIB).toFixed(1)} MiB`);
      assert.equal(precision, "int8");
      assert.ok(wasmMemory <= limit * MIB, `${(wasmMemory / MIB).toFixed(1)} MiB`);
      const vector = await corom.embed("阔腿裤女冬牛仔");
      assert.ok(vector.every(Number.isFinite) && vector.some((x) => x !== 0));
      corom.free();
    });
  }
});
