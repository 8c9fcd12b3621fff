// The cache of downloads in a folder: addressed by content, always verified, and optional: a load never needs it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Corom as CoromInWorker } from "corom/worker";
import { openCache } from "../../pkg/lib/cache.js";
import { binaries } from "../../pkg/lib/binaries.js";
import * as node from "../../pkg/lib/host-node.js";
import { EMBEDDER } from "../../pkg/lib/kinds.js";
import { loadModel } from "../../pkg/lib/load.js";
import { withLock } from "../../pkg/lib/locks.js";
import { Corom, failsWith, random, until } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, NAMES, SHARD, SIZE, loadsRight, warningsOf, withFolder } from "./support/loading.mjs";
import { sharded } from "./support/manifest.mjs";
import { memoryStore } from "./support/memory-store.mjs";

const { files } = MODEL;
const manifest = JSON.parse(new TextDecoder().decode(files["corom.json"]));
const hashOf = (name) => manifest.files.find((file) => file.path === name).sha256;
const asked = () => server.take().map(({ name }) => name);

let server;
before(async () => (server = await faultServer(files)));
after(() => server.close());
beforeEach(() => {
  server.take();
  Object.assign(server, { files, fault: undefined });
});

describe("a cache in a folder", () => {
  test("holds every file after one load; the next load requests only the manifest", () =>
    withFolder(async (folder) => {
      const cacheDir = path.join(folder, "made", "when needed");
      const events = await loadsRight(server.address, { cacheDir });
      assert.equal(asked().length, NAMES.length);
      assert.ok(events.every(({ phase }) => phase !== "verify" && phase !== "warning"));
      const again = await loadsRight(server.address, { cacheDir: pathToFileURL(cacheDir) });
      assert.deepEqual(asked(), ["corom.json"]);
      const verified = again.filter(({ phase }) => phase === "verify");
      assert.deepEqual([verified.at(-1).loaded, verified.at(-1).total], [SIZE, SIZE]);
      assert.deepEqual(await Corom.cache.size({ cacheDir }), { bytes: SIZE, files: NAMES.length - 1 });
      assert.ok(readdirSync(cacheDir).includes(hashOf(SHARD)));
    }));

  test("is off unless cacheDir is given", () =>
    withFolder(async (folder) => {
      await loadsRight(server.address);
      await loadsRight(server.address, { cache: "auto" });
      await loadsRight(server.address, { cache: "none", cacheDir: folder });
      assert.equal(asked().length, 3 * NAMES.length);
      assert.deepEqual(readdirSync(folder), []);
    }));

  test("stores no address in plain text, and one manifest per address", () =>
    withFolder(async (cacheDir) => {
      for (const query of ["?token=secret", "?token=secret", "?token=other", ""])
        await loadsRight(server.address + query, { cacheDir });
      const names = readdirSync(path.join(cacheDir, "manifests"));
      assert.equal(names.length, 3);
      assert.ok(names.every((name) => /^[0-9a-f]{64}(-[0-9a-f]{64})?$/.test(name)));
    }));

  test("never mixes versions, and deletes files that only the old version has", () =>
    withFolder(async (cacheDir) => {
      await loadsRight(server.address, { cacheDir });
      // The new version has no self-test, and a tokenizer.json with a space more.
      const newer = sharded({ self_test: null });
      const tokenizer = new TextEncoder().encode(`${new TextDecoder().decode(files["tokenizer.json"])} `);
      server.files = { ...files, "tokenizer.json": tokenizer };
      // The new file is published before its manifest: the cache still matches the old manifest.
      await loadsRight(server.address, { cacheDir });
      const sha256 = createHash("sha256").update(tokenizer).digest("hex");
      const list = JSON.parse(new TextDecoder().decode(newer.files["corom.json"]));
      list.files.find((file) => file.path === "tokenizer.json").sha256 = sha256;
      list.files.find((file) => file.path === "tokenizer.json").size = tokenizer.length;
      server.files = { ...server.files, "corom.json": new TextEncoder().encode(JSON.stringify(list)) };
      server.take();
      await loadsRight(server.address, { cacheDir });
      assert.deepEqual(asked().sort(), ["corom.json", "tokenizer.json"]);
      assert.ok(existsSync(path.join(cacheDir, sha256)) && !existsSync(path.join(cacheDir, hashOf("tokenizer.json"))));
      assert.ok(existsSync(path.join(cacheDir, hashOf(SHARD))), "files of both versions stay");
      // While another address has the old version, its files stay.
      server.files = files;
      await loadsRight(`${server.address}?old`, { cacheDir });
      await loadsRight(server.address, { cacheDir });
      assert.ok(existsSync(path.join(cacheDir, hashOf("tokenizer.json"))));
    }));

  test("is verified like a download: damaged files are downloaded again", () =>
    withFolder(async (cacheDir) => {
      await loadsRight(server.address, { cacheDir });
      const folder = path.join(cacheDir, hashOf(SHARD));
      const piece = path.join(folder, "0");
      const whole = readFileSync(piece);
      const changes = {
        "a bit": () =>
          writeFileSync(
            piece,
            whole.map((byte, i) => (i === 999 ? byte ^ 4 : byte)),
          ),
        "its end is missing": () => writeFileSync(piece, whole.subarray(0, 777)),
        "another beginning": () =>
          writeFileSync(piece, Buffer.concat([Buffer.from("x"), whole.subarray(1, 777)])),
        "a piece too many": () => writeFileSync(path.join(folder, String(whole.length)), "more"),
        "an empty piece": () => writeFileSync(piece, ""),
        "a web page": () => writeFileSync(piece, "<!doctype html>"),
        "a missing file": () => rmSync(piece),
        "a piece of another file": () => {
          rmSync(piece);
          writeFileSync(path.join(folder, "777"), "left");
        },
      };
      for (const [what, change] of Object.entries(changes)) {
        change();
        server.take();
        assert.deepEqual(warningsOf(await loadsRight(server.address, { cacheDir })), [], what);
        const sent = server
          .take()
          .filter(({ name }) => name === SHARD)
          .map((request) => request.sent);
        assert.deepEqual(sent.at(-1), what === "its end is missing" ? whole.length - 777 : whole.length, what);
        await loadsRight(server.address, { cacheDir });
        assert.deepEqual(asked(), ["corom.json"], what);
      }
    }));

  test("keeps the bytes of an aborted load, and the next load continues there", () =>
    withFolder(async (cacheDir) => {
      server.fault = ({ name, count }) => (name === SHARD && count === 0 ? { stall: 9000 } : undefined);
      const controller = new AbortController();
      const onProgress = ({ file, fileLoaded }) => file === SHARD && fileLoaded === 9000 && controller.abort();
      await assert.rejects(Corom.load(server.address, { cacheDir, onProgress, signal: controller.signal }), {
        name: "AbortError",
      });
      server.take();
      server.fault = undefined;
      await loadsRight(server.address, { cacheDir });
      const [{ range, sent }] = server.take().filter(({ name }) => name === SHARD);
      const from = Number(/\d+/.exec(range)[0]);
      assert.ok(from === 9000 && from + sent === files[SHARD].length, range);
    }));

  test("serves a model without a network after one load, and warns with OFFLINE", () =>
    withFolder(async (cacheDir) => {
      server.fault = () => ({ gone: true });
      await failsWith("FETCH_FAILED", Corom.load(server.address, { cacheDir, retries: 0 }), "corom.json");
      server.fault = undefined;
      await loadsRight(server.address, { cacheDir });
      for (const fault of [{ gone: true }, { status: 503 }]) {
        server.fault = () => fault;
        const warnings = (await loadsRight(server.address, { cacheDir, retries: 0 })).filter(
          (e) => e.phase === "warning",
        );
        assert.deepEqual([warnings.length, warnings[0].code], [1, "OFFLINE"]);
        assert.equal(warnings[0].cause.code, "FETCH_FAILED");
      }
      // An answer of the server counts, also an error.
      for (const [fault, code] of [
        [{ status: 404 }, "MISSING_FILE"],
        [{ page: true }, "NOT_A_MODEL"],
        [{ status: 401 }, "FETCH_FAILED"],
      ]) {
        server.fault = () => fault;
        await failsWith(code, Corom.load(server.address, { cacheDir, retries: 0 }));
      }
      const [kept] = readdirSync(path.join(cacheDir, "manifests"));
      writeFileSync(path.join(cacheDir, "manifests", kept), "{");
      server.fault = () => ({ gone: true });
      await failsWith("FETCH_FAILED", Corom.load(server.address, { cacheDir, retries: 0 }), "corom.json");
      server.fault = undefined;
      await loadsRight(server.address, { cacheDir });
    }));

  test("stores no manifest of a model that does not load", () =>
    withFolder(async (cacheDir) => {
      const broken = sharded({ self_test: { texts: ["a"], vectors: [Array(16).fill(9)] } });
      server.files = broken.files;
      await failsWith("SELF_TEST_FAILED", Corom.load(server.address, { cacheDir }));
      assert.ok(!existsSync(path.join(cacheDir, "manifests")));
      server.files = files;
      await loadsRight(server.address, { cacheDir });
    }));

  test("is measured by size() and emptied by clear(), which leaves other files alone", () =>
    withFolder(async (cacheDir) => {
      await loadsRight(server.address, { cacheDir });
      mkdirSync(path.join(cacheDir, "mine"));
      writeFileSync(path.join(cacheDir, "mine/too"), "text");
      writeFileSync(path.join(cacheDir, "note"), "text");
      await Corom.cache.clear({ cacheDir });
      assert.deepEqual(readdirSync(cacheDir).sort(), ["mine", "note"]);
      assert.deepEqual(await Corom.cache.size({ cacheDir }), { bytes: 0, files: 0 });
      assert.deepEqual(await Corom.cache.size({ cacheDir: path.join(cacheDir, "none") }), { bytes: 0, files: 0 });
      await Corom.cache.clear({ cacheDir: path.join(cacheDir, "none") });
    }));

  test("can be emptied during a load, which harms neither that load nor the next", () =>
    withFolder(async (cacheDir) => {
      server.fault = () => ({ slow: 3 });
      let clearing;
      const onProgress = ({ file, fileLoaded }) => {
        if (file === SHARD && fileLoaded > 9000) clearing ??= Corom.cache.clear({ cacheDir });
      };
      await loadsRight(server.address, { cacheDir, onProgress });
      await clearing;
      await loadsRight(server.address, { cacheDir });
      server.take();
      await loadsRight(server.address, { cacheDir });
      assert.deepEqual(asked(), ["corom.json"]);
    }));
});

test("corom/worker uses the same cache", () =>
  withFolder(async (cacheDir) => {
    await loadsRight(server.address, { cacheDir });
    server.take();
    const corom = await CoromInWorker.load([`${server.address}nowhere/`, server.address], { cacheDir });
    assert.equal((await corom.embed(MODEL.texts)).rows, MODEL.texts.length);
    corom.free();
    assert.deepEqual(asked(), ["nowhere/corom.json", "corom.json"]);
    assert.equal((await CoromInWorker.cache.size({ cacheDir })).files, NAMES.length - 1);
  }));

describe("a cache whose store fails", () => {
  /** Loads with a store whose method throws after some calls; returns the warnings. */
  async function failing(method, after, error) {
    const store = memoryStore();
    const works = store[method];
    let calls = 0;
    store[method] = async (...args) => {
      if (calls++ >= after) throw error;
      return works(...args);
    };
    const events = [];
    class Loaded extends Corom {
      static load(source, options) {
        return loadModel(EMBEDDER, this, { ...node, binaries, folderStore: async () => store }, source, options);
      }
    }
    const onProgress = (event) => events.push(event);
    const corom = await Loaded.load(server.address, { cacheDir: "anywhere", onProgress });
    assert.equal((await corom.embed([MODEL.texts[1]])).rows, 1);
    corom.free();
    return warningsOf(events);
  }

  test("because it is full: the model loads, with one warning CACHE_FULL", async () => {
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const quota = new DOMException("The operation failed because of the quota", "QuotaExceededError");
    for (const error of [full, quota])
      for (const after of [0, 1, 3]) assert.deepEqual(await failing("write", after, error), ["CACHE_FULL"]);
    assert.deepEqual(await failing("write", 99, full), []);
  });

  test("in another way: the model loads, with one warning CACHE_FAILED", async () => {
    for (const method of ["read", "write"]) {
      for (const after of [0, 1, 3])
        assert.deepEqual(await failing(method, after, new Error("disk on fire")), ["CACHE_FAILED"], method);
    }
    await withFolder(async (folder) => {
      writeFileSync(path.join(folder, "file"), "");
      const events = await loadsRight(server.address, { cacheDir: path.join(folder, "file") });
      assert.deepEqual(warningsOf(events), ["CACHE_FAILED"]);
    });
  });
});

describe("loads at the same time", () => {
  test("download every file once", () =>
    withFolder(async (cacheDir) => {
      server.fault = () => ({ slow: 2 });
      await Promise.all(Array.from({ length: 4 }, () => loadsRight(server.address, { cacheDir })));
      const counts = asked().filter((name) => name !== "corom.json");
      assert.deepEqual(counts.sort(), NAMES.filter((name) => name !== "corom.json").sort());
    }));

  test("continue when one of them is aborted", () =>
    withFolder(async (cacheDir) => {
      server.fault = ({ name, count }) => (name === SHARD && count === 0 ? { stall: 9000 } : undefined);
      const controller = new AbortController();
      let hasStalled = false;
      const onProgress = ({ file, fileLoaded }) => void (hasStalled ||= file === SHARD && fileLoaded === 9000);
      const first = Corom.load(server.address, { cacheDir, onProgress, signal: controller.signal });
      await until(() => hasStalled);
      const started = ({ file }) => file === "tokenizer.json" && setTimeout(() => controller.abort(), 50);
      const second = loadsRight(server.address, { cacheDir, onProgress: started });
      await assert.rejects(first, { name: "AbortError" });
      await second;
      const ranges = server
        .take()
        .filter(({ name }) => name === SHARD)
        .map(({ range }) => range);
      assert.deepEqual(ranges, [undefined, "bytes=9000-"]);
    }));

  test("in two programs both load the right model", () =>
    withFolder(async (cacheDir) => {
      const program = `
        import { createServer } from "node:http";
        const { Corom } = await import(process.argv[1]);
        const files = ${JSON.stringify(Object.fromEntries(Object.entries(files).map(([n, b]) => [n, Buffer.from(b).toString("base64")])))};
        const fetch = async (url) => { await new Promise((r) => setTimeout(r, 20)); return new Response(Buffer.from(files[url.split("/").pop()], "base64")); };
        const load = async () => { const corom = await Corom.load("https://a.example/m/", { fetch, cacheDir: process.argv[2] }); const { rows } = await corom.embed(["a"]); corom.free(); return rows; };
        console.log(await load(), await load());`;
      const entry = new URL("../../pkg/node.js", import.meta.url).href;
      const run = () =>
        new Promise((resolve) => {
          const child = spawn(process.execPath, ["--input-type=module", "-e", program, entry, cacheDir]);
          let said = "";
          for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
          child.on("close", () => resolve(said));
        });
      assert.deepEqual(await Promise.all([run(), run()]), ["1 1\n", "1 1\n"]);
      assert.equal(await run(), "1 1\n");
      assert.deepEqual(await Corom.cache.size({ cacheDir }).then((size) => size.files), NAMES.length - 1);
    }));

  test("take a lock in order; an abort ends only the waiting", async () => {
    const order = [];
    const open = [];
    const hold = (name, signal) =>
      withLock("a name", { signal, getProgress: () => 0 }, async () => {
        order.push(name);
        await new Promise((resolve) => open.push(resolve));
      });
    const controller = new AbortController();
    const first = hold("first");
    const second = hold("second", controller.signal);
    const third = hold("third");
    await until(() => order.length > 0);
    controller.abort();
    await assert.rejects(second, { name: "AbortError" });
    assert.deepEqual(order, ["first"]);
    open.shift()();
    await first;
    await until(() => order.length > 1);
    assert.deepEqual(order, ["first", "third"]);
    open.shift()();
    await third;
    await assert.rejects(
      withLock("a name", { getProgress: () => 0 }, () => Promise.reject(new Error("mine"))),
      /mine/,
    );
    assert.equal(await withLock("a name", { getProgress: () => 0 }, async () => "free again"), "free again");
  });

  test("wait for the lock while its holder makes progress, and no longer", async () => {
    let bytes = 0;
    let open;
    const stuck = withLock("stuck", { getProgress: () => 0 }, () => new Promise((resolve) => (open = resolve)));
    await until(() => open);
    const getProgress = () => (bytes < 5 ? ++bytes : bytes);
    const bytesAtLock = await withLock("stuck", { getProgress, stallTimeoutMs: 20 }, async () => bytes);
    assert.equal(bytesAtLock, 5, "it waited until the bytes no longer grew");
    open();
    await stuck;
  });
});

describe("a cached file", () => {
  const next = random(21);
  const bytes = Uint8Array.from({ length: 2_600_000 }, () => Math.floor(next() * 256));
  const joined = async (entry) => {
    const parts = [];
    for await (const piece of entry.segments()) parts.push(Buffer.from(piece));
    return Buffer.concat(parts);
  };

  test("holds what was appended, in parts of any size and over several loads", async () => {
    for (let i = 0; i < 6; i++) {
      const store = memoryStore();
      const cache = await openCache({ folderStore: async () => store }, { cacheDir: "x" }, assert.fail);
      const open = () => cache.entry("0".repeat(64));
      let entry = open();
      let at = 0;
      while (at < bytes.length) {
        const step = Math.floor(next() ** 3 * 1_500_000);
        await entry.append(bytes.subarray(at, at + step));
        at = Math.min(at + step, bytes.length);
        if (next() < 0.2) {
          await entry.flush();
          entry = open(); // another load, which first reads what is stored
          assert.equal((await joined(entry)).length, at);
          assert.equal(entry.length, at);
        }
      }
      await entry.flush();
      assert.ok((await joined(open())).equals(Buffer.from(bytes)));
      assert.equal(await open().storedBytes(), bytes.length);
      assert.ok([...store.sizes()].every((size) => size <= 1 << 20));
      await entry.drop();
      assert.equal(await open().storedBytes(), 0);
    }
  });
});
