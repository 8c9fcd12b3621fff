// A cache that is full, or fails: it is never in the way.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { binaries } from "../../pkg/lib/binaries.js";
import * as node from "../../pkg/lib/host-node.js";
import { loadInto } from "../../pkg/lib/load.js";
import { Corom } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, SHARD, loadsRight, warningsOf, withFolder } from "./support/loading.mjs";
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

describe("a cache that fails", () => {
  /** Loads with a store that throws in the nth call of a method; gives the warnings. */
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
        return loadInto(this, { ...node, binaries, folderStore: async () => store }, source, options);
      }
    }
    const onProgress = (event) => events.push(event);
    const corom = await Loaded.load(server.address, { cacheDir: "anywhere", onProgress });
    assert.equal((await corom.embed(MODEL.texts[1])).rows, 1);
    corom.free();
    return warningsOf(events);
  }

  test("that is full, at any time: the model is loaded, with one warning", async () => {
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const quota = new DOMException("The operation failed because of the quota", "QuotaExceededError");
    for (const error of [full, quota])
      for (const after of [0, 1, 3]) assert.deepEqual(await failing("write", after, error), ["CACHE_FULL"]);
    assert.deepEqual(await failing("write", 99, full), []);
  });

  test("that is full is still read, and rid of what an old version had", async () => {
    const store = memoryStore();
    const host = { ...node, binaries, folderStore: async () => store };
    class Loaded extends Corom {
      static load(source, options) {
        return loadInto(this, host, source, options);
      }
    }
    const load = async () => {
      const events = [];
      (await Loaded.load(server.address, { cacheDir: "anywhere", onProgress: (event) => events.push(event) })).free();
      return warningsOf(events);
    };
    assert.deepEqual(await load(), []);
    const tokenizer = new TextEncoder().encode(`${new TextDecoder().decode(files["tokenizer.json"])} `);
    const list = structuredClone(manifest);
    const entry = list.files.find(({ path }) => path === "tokenizer.json");
    Object.assign(entry, { sha256: createHash("sha256").update(tokenizer).digest("hex"), size: tokenizer.length });
    const newer = new TextEncoder().encode(JSON.stringify(list));
    server.files = { ...files, "tokenizer.json": tokenizer, "corom.json": newer };
    const { write } = store;
    store.write = async () => {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    };
    server.take();
    assert.deepEqual(await load(), ["CACHE_FULL"]);
    assert.deepEqual(asked().sort(), ["corom.json", "tokenizer.json"], "the rest was read");
    const there = [];
    for await (const folder of store.folders()) there.push(folder);
    assert.ok(!there.includes(hashOf("tokenizer.json")) && there.includes(hashOf(SHARD)));
    store.write = write;
    assert.deepEqual(await load(), []);
  });

  test("in any other way", async () => {
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
