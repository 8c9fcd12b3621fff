// Objects of another realm (a frame, a vm context, Jest), shared memory and Responses, wherever `load` takes bytes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { Corom as InWorker } from "corom/worker";
import { binaries } from "../../pkg/lib/binaries.js";
import { createHasherFactory } from "../../pkg/lib/hash-web.js";
import * as node from "../../pkg/lib/host-node.js";
import { EMBEDDER } from "../../pkg/lib/kinds.js";
import { loadModel } from "../../pkg/lib/load.js";
import { Corom, assertClose, failsWith } from "./support/corom.mjs";
import { EXACT, MODEL, withFolder } from "./support/loading.mjs";
import { PKG } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const { files } = MODEL;
const CLASSES = { corom: Corom, "corom/worker": InWorker };
const WASM = readFileSync(path.join(PKG, "wasm/corom.wasm"));

const realm = vm.createContext({});
const foreign = (expression, ...args) => vm.runInContext(`(${expression})`, realm)(...args);
const inEach = (make) => Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, make(bytes)]));

/** Copies of bytes as each kind of object that holds bytes. */
const KINDS = {
  "Uint8Array of another realm": (bytes) => foreign("(list) => Uint8Array.from(list)", bytes),
  "ArrayBuffer of another realm": (bytes) => foreign("(list) => Uint8Array.from(list).buffer", bytes),
  "view in the middle of a buffer of another realm": (bytes) =>
    foreign("(list) => { const all = new Uint8Array(list.length + 9); all.set(list, 5); return new DataView(all.buffer, 5, list.length) }", bytes),
  SharedArrayBuffer: (bytes) => shared(bytes).buffer,
  "view of a SharedArrayBuffer": shared,
  "view of a SharedArrayBuffer of another realm": (bytes) =>
    foreign("(list) => { const all = new Uint8Array(new SharedArrayBuffer(list.length)); all.set(list); return all }", bytes),
  Response: (bytes) => new Response(bytes),
};

function shared(bytes) {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

async function loads(Class, source, options) {
  const corom = await Class.load(source, { ...EXACT, ...options });
  assertClose((await corom.embed(MODEL.texts)).data, MODEL.vectors.flat(), MODEL.tolerance);
  corom.free();
}

for (const [name, Class] of Object.entries(CLASSES)) {
  describe(`Corom.load of ${name}`, () => {
    for (const [kind, make] of Object.entries(KINDS)) {
      test(`takes each file as a ${kind}`, () => loads(Class, inEach(make)));
    }

    test("takes a Map and URLs of another realm", async () => {
      const map = foreign("(entries) => new Map(entries)", Object.entries(files));
      await loads(Class, map);
      // A URL class of its own, as jsdom has one.
      class URL {
        constructor(href) {
          this.href = href;
        }
        toString() {
          return this.href;
        }
        get [Symbol.toStringTag]() {
          return "URL";
        }
      }
      const site = await serveWith(fromFiles(files));
      await withFolder(async (folder) => {
        await loads(Class, new URL(site.address), { cacheDir: new URL(pathToFileURL(folder).href) });
        assert.ok((await Corom.cache.size({ cacheDir: new URL(pathToFileURL(folder).href) })).files > 0);
      });
      await loads(Class, [new URL(site.address)], { wasm: new URL(pathToFileURL(path.join(PKG, "wasm/corom.wasm")).href) });
      await site.close();
    });

    test("takes every kind of bytes as wasm", async () => {
      for (const kind of ["Uint8Array of another realm", "view of a SharedArrayBuffer"])
        await loads(Class, files, { wasm: KINDS[kind](WASM) });
    });

    test("takes a body of another realm, or in shared memory, from options.fetch", async () => {
      for (const kind of ["Uint8Array of another realm", "view of a SharedArrayBuffer"]) {
        const fetch = async (url) => {
          const bytes = files[new URL(url).pathname.slice(1)];
          if (!bytes) return new Response(null, { status: 404 });
          const parts = [KINDS[kind](bytes)];
          const read = async () => ({ done: parts.length === 0, value: parts.pop() });
          return { status: 200, headers: new Headers(), body: { getReader: () => ({ read, cancel: async () => {} }) } };
        };
        await loads(Class, "https://store.invalid/", { fetch });
      }
    });

    test("rejects bytes that are not there any more with INVALID_ARGUMENT", async () => {
      const gone = files["config.json"].slice();
      structuredClone(gone.buffer, { transfer: [gone.buffer] });
      await failsWith("INVALID_ARGUMENT", Class.load({ ...files, "config.json": gone }), "transferred");
      await failsWith("INVALID_ARGUMENT", Class.load({ ...files, "config.json": gone.buffer }), "transferred");
      await failsWith("INVALID_ARGUMENT", Class.load(files, { wasm: gone }), "wasm", "transferred");
      const read = new Response("{}");
      await read.text();
      await failsWith("INVALID_ARGUMENT", Class.load({ ...files, "config.json": read }), "body of the Response");
      const none = new Response("no such file", { status: 404 });
      await failsWith("INVALID_ARGUMENT", Class.load({ ...files, "config.json": none }), "404");
    });

    test("rejects a Response from options.fetch that was read before with INVALID_ARGUMENT", async () => {
      const kept = new Response(files["corom.json"]);
      await kept.clone().text();
      await kept.text();
      const load = Class.load("https://store.invalid/", { fetch: async () => kept });
      await failsWith("INVALID_ARGUMENT", load, "result of fetch", "https://store.invalid/corom.json", "clone()");
    });

    test("rejects getters that throw, cycles and revoked proxies with INVALID_ARGUMENT", async () => {
      const thrown = new Error("mine");
      const throwing = (name) => Object.defineProperty({}, name, { enumerable: true, get: () => { throw thrown; } });
      for (const name of ["maxLength", "wasm", "signal", "onProgress", "cacheDir"]) {
        const error = await failsWith("INVALID_ARGUMENT", Class.load(files, throwing(name)), "mine");
        assert.equal(error.cause, thrown);
      }
      assert.equal((await failsWith("INVALID_ARGUMENT", Class.load(throwing("config.json")), "mine")).cause, thrown);
      const cycle = { ...files };
      cycle["config.json"] = cycle;
      await failsWith("INVALID_ARGUMENT", Class.load(cycle));
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      await failsWith("INVALID_ARGUMENT", Class.load(proxy));
      await failsWith("INVALID_ARGUMENT", Class.load(files, proxy));
    });
  });
}

test("shared memory is hashed by WebCrypto, which rejects it in browsers", async (t) => {
  const { subtle } = globalThis.crypto;
  const digest = subtle.digest.bind(subtle);
  t.mock.method(subtle, "digest", async (algorithm, bytes) => {
    if (!(bytes.buffer instanceof ArrayBuffer)) throw new TypeError("the memory must not be shared");
    return digest(algorithm, bytes);
  });
  const host = { ...node, binaries, createHasherFactory };
  const corom = await loadModel(EMBEDDER, Corom, host, inEach(shared), EXACT);
  assertClose((await corom.embed(MODEL.texts)).data, MODEL.vectors.flat(), MODEL.tolerance);
  corom.free();
});

test("a shared file that changes during the load is used as it was when it was read", async () => {
  const source = inEach(shared);
  const load = Corom.load(source, {
    ...EXACT,
    onProgress: ({ phase, file, fileLoaded, fileTotal }) => {
      if (phase === "download" && fileLoaded === fileTotal) source[file].fill(0);
    },
  });
  const corom = await load;
  assertClose((await corom.embed(MODEL.texts)).data, MODEL.vectors.flat(), MODEL.tolerance);
  corom.free();
});
