// What a host hashes for the loader, and the request that is made before there is a loader.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { coromFor } from "../../pkg/lib/entry.js";
import { hashing as byNode } from "../../pkg/lib/hash-node.js";
import { hashing as byBrowser } from "../../pkg/lib/hash-web.js";
import * as node from "../../pkg/lib/host-node.js";
import { binaries } from "../../pkg/lib/binaries.js";
import { Corom, CoromError, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { EXACT, MODEL, NAMES, SHARD, loadsRight, withFolder } from "./support/loading.mjs";
import { PKG } from "./support/paths.mjs";

const MIB = 1 << 20;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const LISTED = NAMES.filter((name) => name !== "corom.json");

/** The class of a host with another way to hash. */
const hashedBy = (hashing) => coromFor({ ...node, binaries, hashing });

describe("the browser's hash", () => {
  test("is the hash of what was fed, in any pieces", async () => {
    const bytes = Uint8Array.from({ length: 3 * MIB + 5 }, (_, i) => (i * i) >> 7);
    for (const piece of [bytes.length, MIB, 4095]) {
      const hash = byBrowser()(bytes.length);
      for (let at = 0; at < bytes.length; at += piece) hash.update(bytes.subarray(at, at + piece));
      assert.equal(await hash.digest(), sha256(bytes));
    }
    const short = byBrowser()(bytes.length);
    short.update(bytes.subarray(0, 100));
    assert.equal(await short.digest(), sha256(bytes.subarray(0, 100)), "of a file that is too short");
  });

  test("is not made of files so small or large that WebAssembly does better", () => {
    const make = byBrowser();
    for (const size of [0, 100, 57 * MIB, NaN, undefined]) assert.equal(make(size), undefined);
  });

  test("holds two shards at a time, and lets go of them", async () => {
    const make = byBrowser();
    const [first, second] = [make(25 * MIB), make(25 * MIB)];
    assert.equal(make(25 * MIB), undefined);
    first.drop();
    first.drop(); // which counts once
    const third = make(25 * MIB);
    assert.ok(third);
    assert.equal(make(25 * MIB), undefined);
    await second.digest();
    second.drop();
    assert.ok(make(25 * MIB));
    assert.equal(make(25 * MIB), undefined);
  });

  test("is a typed error where the browser cannot, and nothing where it has no WebCrypto", async (t) => {
    const hash = byBrowser()(5000);
    t.mock.method(globalThis.crypto.subtle, "digest", async () => {
      throw new DOMException("no room", "OperationError");
    });
    await failsWith("OUT_OF_MEMORY", hash.digest(), "hash");
    const { crypto } = globalThis;
    Object.defineProperty(globalThis, "crypto", { configurable: true, value: { getRandomValues() {} } });
    try {
      assert.equal(byBrowser(), undefined);
    } finally {
      Object.defineProperty(globalThis, "crypto", { configurable: true, value: crypto });
    }
  });
});

describe("a load", () => {
  for (const [name, hashing] of Object.entries({ byNode, byBrowser })) {
    test(`takes the host's hashes, and all of them (${name})`, async () => {
      const fed = {};
      const dropped = [];
      const counted = async () => {
        const make = await hashing();
        return (size) => {
          const hash = make(size);
          return (
            hash && {
              ...hash,
              update(bytes) {
                fed[size] = (fed[size] ?? 0) + bytes.length;
                hash.update(bytes);
              },
              drop: () => dropped.push(size),
            }
          );
        };
      };
      const corom = await hashedBy(counted).load(MODEL.files, EXACT);
      corom.free();
      const sizes = LISTED.map((file) => MODEL.files[file].length).filter((size) => hashing === byNode || size >= 4096);
      assert.ok(sizes.length >= 3);
      assert.deepEqual(fed, Object.fromEntries(sizes.map((size) => [size, size])));
      assert.deepEqual(dropped, [], "those that were asked for are gone by themselves");
    });

    test(`refuses a damaged file (${name})`, async () => {
      for (const file of LISTED) {
        const damaged = Uint8Array.from(MODEL.files[file]);
        damaged[damaged.length >> 1] ^= 1;
        const loading = hashedBy(hashing).load({ ...MODEL.files, [file]: damaged }, EXACT);
        await failsWith("INTEGRITY_MISMATCH", loading, file);
      }
    });
  }

  test("believes no hash but the manifest's", async () => {
    const lying = () => () => ({ update() {}, digest: async () => "0".repeat(64), drop() {} });
    await failsWith("INTEGRITY_MISMATCH", hashedBy(lying).load(MODEL.files, EXACT), "0000");
  });

  test("lets go of the hashes of files that break off", async () => {
    const open = new Set();
    const counted = () => (size) => {
      const hash = createHash("sha256");
      open.add(hash);
      return {
        update: (bytes) => hash.update(bytes),
        digest: async () => (open.delete(hash), hash.digest("hex")),
        drop: () => open.delete(hash),
        size,
      };
    };
    const server = await faultServer(MODEL.files);
    try {
      server.fault = ({ name, count }) => (name === SHARD && count === 0 ? { cut: 5000 } : undefined);
      const whole = await hashedBy(counted).load(server.address, EXACT);
      whole.free();
      assert.equal(open.size, 0);
      server.fault = ({ name }) => (name === SHARD ? { cut: 5000 } : undefined);
      server.take();
      await failsWith("FETCH_FAILED", hashedBy(counted).load(server.address, { ...EXACT, retries: 0 }));
      assert.equal(open.size, 0);
    } finally {
      await server.close();
    }
  });

  test("goes on with the hash of what was in the cache", async () => {
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

  test("is asked for, once, while there is no WebAssembly yet", async () => {
    server.take();
    const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers();
    const loading = Corom.load(server.address, { ...EXACT, wasm: promise });
    for (let tries = 0; asked("corom.json") === 0; tries++) {
      assert.ok(tries < 500, "it was not asked for");
      await new Promise((done) => setTimeout(done, 10));
    }
    assert.equal(server.log.length, 1);
    resolve(readFileSync(path.join(PKG, "wasm", "corom.wasm")));
    (await loading).free();
    assert.equal(asked("corom.json"), 1);
  });

  test("is asked for again where that failed", async () => {
    server.take();
    server.fault = ({ name, count }) => (name === "corom.json" && count === 0 ? { status: 503 } : undefined);
    await loadsRight(server.address);
    assert.equal(asked("corom.json"), 2);
    server.fault = undefined;
  });

  test("harms nothing where the load fails before", async () => {
    const unhandled = [];
    const listener = (error) => unhandled.push(error);
    process.on("unhandledRejection", listener);
    try {
      server.fault = () => ({ gone: true });
      const wasm = Promise.reject(new CoromError("FETCH_FAILED", "no binary"));
      await failsWith("FETCH_FAILED", Corom.load(server.address, { ...EXACT, wasm }));
      const aborted = AbortSignal.timeout(30);
      await assert.rejects(Corom.load(server.address, { ...EXACT, wasm: new Promise(() => {}), signal: aborted }));
      await new Promise((done) => setTimeout(done, 100));
      assert.deepEqual(unhandled, []);
    } finally {
      server.fault = undefined;
      process.off("unhandledRejection", listener);
    }
  });

  test("is not asked for beside an ONNX file of the caller's choice", async () => {
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
