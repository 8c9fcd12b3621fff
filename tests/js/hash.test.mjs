// Hashes that the host computes for the loader, and the request for the manifest that starts before the loader.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { createCoromClass } from "../../pkg/lib/entry.js";
import { createHasherFactory as byNode } from "../../pkg/lib/hash-node.js";
import { createHasherFactory as byBrowser } from "../../pkg/lib/hash-web.js";
import * as node from "../../pkg/lib/host-node.js";
import { binaries } from "../../pkg/lib/binaries.js";
import { Corom, CoromError, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { EXACT, MODEL, NAMES, SHARD, loadsRight, withFolder } from "./support/loading.mjs";
import { sharded } from "./support/manifest.mjs";
import { PKG } from "./support/paths.mjs";

const MIB = 1 << 20;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const PIECE = 512 << 10;
const LISTED = NAMES.filter((name) => name !== "corom.json");

/** The model with a tokenizer.json of several pieces: JSON allows spaces at the end. */
const LARGE = sharded({}, (files) => {
  const spaces = new Uint8Array(2 * PIECE + 7).fill(32);
  return { ...files, "tokenizer.json": Buffer.concat([files["tokenizer.json"], spaces]) };
}).files;

/** The class of a host with another way to hash. */
const hashedBy = (hashing) => createCoromClass({ ...node, binaries, createHasherFactory: hashing });

describe("the hasher of browsers", () => {
  const bytes = Uint8Array.from({ length: 3 * MIB + 5 }, (_, i) => (i * i) >> 7);
  const piecesOf = (whole) => {
    const starts = Array.from({ length: Math.ceil(whole.length / PIECE) }, (_, i) => i * PIECE);
    return starts.map((at) => sha256(whole.subarray(at, at + PIECE))).join("");
  };
  const hashOf = (fed, size, step) => {
    const hash = byBrowser()({ size, pieces: true });
    const buffer = new Uint8Array(step); // reused at once, as hosts do
    for (let at = 0; at < fed.length; at += step) {
      const part = fed.subarray(at, at + step);
      buffer.set(part);
      hash.update(buffer.subarray(0, part.length));
    }
    return hash.digest();
  };

  test("gives the hash of each piece, for chunks of any size", async () => {
    for (const step of [bytes.length, MIB, PIECE, PIECE - 1, 4095]) {
      assert.equal(await hashOf(bytes, bytes.length, step), piecesOf(bytes), `${step} at a time`);
    }
    for (const size of [1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE]) {
      const part = bytes.subarray(0, size);
      assert.equal(await hashOf(part, size, 100_000), piecesOf(part), `${size} bytes`);
    }
    assert.equal((await hashOf(bytes.subarray(0, 9), 0, 4)).length, 9 * 64, "more bytes than announced give wrong hashes");
    const short = bytes.subarray(0, MIB + 100);
    assert.equal(await hashOf(short, bytes.length, 100_000), piecesOf(short), "a file that is too short");
  });

  test("is not created if the manifest has no hashes of pieces", () => {
    assert.equal(byBrowser()({ size: 5, pieces: false }), undefined);
  });

  test("says why WebCrypto failed, and does not exist without WebCrypto", async (t) => {
    const hashes = [0, 1, 2].map(() => byBrowser()({ size: 5000, pieces: true }));
    const abandoned = byBrowser()({ size: 5, pieces: true });
    const reasons = [
      ["INTERNAL", new TypeError("shared memory is not accepted")],
      ["INTERNAL", new DOMException("the operation failed", "OperationError")],
      ["OUT_OF_MEMORY", new RangeError("Array buffer allocation failed")],
    ];
    const digest = t.mock.method(globalThis.crypto.subtle, "digest", async () => {
      throw reasons[0][1];
    });
    abandoned.update(new Uint8Array(5));
    for (const [i, [code, reason]] of reasons.entries()) {
      digest.mock.mockImplementation(() => Promise.reject(reason));
      hashes[i].update(new Uint8Array(5000));
      await failsWith(code, hashes[i].digest(), "hash", reason.message);
    }
    const { crypto } = globalThis;
    Object.defineProperty(globalThis, "crypto", { configurable: true, value: { getRandomValues() {} } });
    try {
      assert.equal(byBrowser(), undefined);
    } finally {
      Object.defineProperty(globalThis, "crypto", { configurable: true, value: crypto });
    }
  });
});

describe("Corom.load", () => {
  for (const [name, hashing] of Object.entries({ byNode, byBrowser })) {
    test(`feeds every byte to the host's hasher (${name})`, async () => {
      const fed = [];
      const counted = async () => {
        const make = await hashing();
        return (file) => {
          const at = fed.push(0) - 1;
          const hash = make(file);
          return {
            update(bytes) {
              fed[at] += bytes.length;
              hash.update(bytes);
            },
            digest: () => hash.digest(),
          };
        };
      };
      (await hashedBy(counted).load(LARGE, EXACT)).free();
      const sizes = LISTED.map((file) => LARGE[file].length);
      assert.deepEqual(fed.sort(), sizes.sort());
      assert.ok(sizes.some((size) => size > 2 * PIECE));
    });

    test(`rejects a damaged file with INTEGRITY_MISMATCH (${name})`, async () => {
      for (const file of LISTED) {
        const damaged = Uint8Array.from(LARGE[file]);
        damaged[damaged.length - 2] ^= 1;
        const loading = hashedBy(hashing).load({ ...LARGE, [file]: damaged }, EXACT);
        await failsWith("INTEGRITY_MISMATCH", loading, file);
      }
    });
  }

  test("rejects a wrong hash of the host's with INTEGRITY_MISMATCH", async () => {
    const lying = () => () => ({ update() {}, digest: async () => "0".repeat(64) });
    await failsWith("INTEGRITY_MISMATCH", hashedBy(lying).load(MODEL.files, EXACT), "0000");
  });

  test("continues the hash of a file that is partly in the cache", async () => {
    const server = await faultServer(MODEL.files);
    try {
      await withFolder(async (cacheDir) => {
        server.fault = ({ name }) => (name === SHARD ? { cut: 5000 } : undefined);
        await failsWith("FETCH_FAILED", Corom.load(server.address, { ...EXACT, cacheDir, retries: 0 }));
        server.fault = undefined;
        server.take();
        await loadsRight(server.address, { cacheDir });
        const again = server.take().filter(({ name }) => name === SHARD);
        assert.deepEqual(again.length, 1);
        assert.match(again[0].range, /^bytes=[1-9]/);
      });
    } finally {
      await server.close();
    }
  });
});

describe("the manifest", () => {
  let server;
  before(async () => (server = await faultServer(MODEL.files)));
  after(() => server.close());
  const asked = (name) => server.log.filter((request) => request.name === name).length;

  test("is requested once, before WebAssembly has started", async () => {
    server.take();
    const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers();
    const loading = Corom.load(server.address, { ...EXACT, wasm: promise });
    // Without the request this waits until the test's time is over.
    while (asked("corom.json") === 0) await new Promise((done) => setTimeout(done, 10));
    assert.equal(server.log.length, 1);
    resolve(readFileSync(path.join(PKG, "wasm", "corom.wasm")));
    (await loading).free();
    assert.equal(asked("corom.json"), 1);
  });

  test("is requested again if the first request fails", async () => {
    server.take();
    server.fault = ({ name, count }) => (name === "corom.json" && count === 0 ? { status: 503 } : undefined);
    await loadsRight(server.address);
    assert.equal(asked("corom.json"), 2);
    server.fault = undefined;
  });

  test("causes no unhandled rejection if the load fails before it arrives", async () => {
    const unhandled = [];
    const listener = (error) => unhandled.push(error);
    process.on("unhandledRejection", listener);
    try {
      server.fault = () => ({ gone: true });
      const wasm = Promise.reject(new CoromError("FETCH_FAILED", "no binary"));
      await failsWith("FETCH_FAILED", Corom.load(server.address, { ...EXACT, wasm }));
      const signal = AbortSignal.timeout(30);
      const never = new Promise(() => {});
      await assert.rejects(Corom.load(server.address, { ...EXACT, wasm: never, signal }), { name: "TimeoutError" });
      await new Promise((done) => setTimeout(done, 100));
      assert.deepEqual(unhandled, []);
    } finally {
      server.fault = undefined;
      process.off("unhandledRejection", listener);
    }
  });

  test("is not requested if the caller names an ONNX file", async () => {
    server.take();
    await failsWith(["MISSING_FILE", "INVALID_MODEL"], Corom.load(server.address, { ...EXACT, model: "onnx/none.onnx" }));
    assert.equal(asked("corom.json"), 0);
  });
});

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
