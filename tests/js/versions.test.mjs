// The cache of a folder without corom.json: kept by the server's version of each file, usable without a network, and
// never a mixture of two versions.
import assert from "node:assert/strict";
import { readdirSync, statSync, readFileSync, writeFileSync, rmSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Corom as CoromInWorker } from "corom/worker";
import { Corom, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { EXACT, MODEL, loadsRight, warningsOf, withFolder } from "./support/loading.mjs";
import { exportFolder, filesOf } from "./support/paths.mjs";

/** The model of support/loading.mjs as someone else's folder. */
const { "corom.json": manifest, ...files } = MODEL.files;
const NAMES = Object.keys(files);
const OPTIONS = { maxLength: JSON.parse(new TextDecoder().decode(manifest)).max_length, pooling: "cls", retries: 0 };
/** Bytes that are sent on a connection before a cancelled body stops. The files of the fixture are small. */
const WHOLE = NAMES.reduce((sum, name) => sum + files[name].length, 0);
const text = (value) => new TextEncoder().encode(value);

let server;
before(async () => (server = await faultServer(files)));
after(() => server.close());
beforeEach(() => {
  server.take();
  Object.assign(server, { files, fault: undefined });
});

const loads = (cacheDir, options) => loadsRight(server.address, { ...OPTIONS, cacheDir, ...options });
const ofPhase = (events, wanted) => new Set(events.filter(({ phase, file }) => phase === wanted && file).map(({ file }) => file));
const gone = () => ({ gone: true });
/** Returns the folders of the cache that hold a file, with its size. */
const entriesOf = (cacheDir) =>
  readdirSync(cacheDir)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => ({ folder: path.join(cacheDir, name), size: statSync(path.join(cacheDir, name, "0")).size }));

describe("a folder without corom.json", () => {
  test("is kept: the second load reads no body, and the third needs no network", () =>
    withFolder(async (cacheDir) => {
      const first = await loads(cacheDir);
      assert.deepEqual(ofPhase(first, "verify"), new Set());
      server.take();
      const second = await loads(cacheDir);
      assert.deepEqual([ofPhase(second, "download"), ofPhase(second, "verify")], [new Set(), new Set(NAMES)]);
      const asked = server.take();
      for (const name of NAMES) assert.equal(asked.filter((request) => request.name === name).length, 1, name);
      assert.ok(asked.every(({ range, ifRange }) => range === undefined && ifRange === undefined), "no preflight");
      server.fault = gone;
      const third = await loads(cacheDir);
      assert.deepEqual(warningsOf(third), ["OFFLINE"]);
      assert.deepEqual(ofPhase(third, "verify"), new Set(NAMES));
      assert.deepEqual(server.take().map(({ name }) => name), ["corom.json"], "one failed request is enough");
      const { bytes, files: count } = await Corom.cache.size({ cacheDir });
      assert.ok(count === NAMES.length && bytes > WHOLE);
      await Corom.cache.clear({ cacheDir });
      assert.deepEqual(await Corom.cache.size({ cacheDir }), { bytes: 0, files: 0 });
      await failsWith("FETCH_FAILED", loads(cacheDir));
    }));

  test("is kept by a weak ETag, and by Last-Modified with the size", () =>
    withFolder(async (cacheDir) => {
      const headers = { "last-modified": "Tue, 04 Mar 2025 10:11:12 GMT" };
      for (const fault of [{ weak: true }, { noTag: true, headers }]) {
        server.fault = () => fault;
        await loads(cacheDir);
        const again = await loads(cacheDir);
        assert.deepEqual(ofPhase(again, "download"), new Set(), JSON.stringify(fault));
        await Corom.cache.clear({ cacheDir });
      }
    }));

  test("is not kept without a version, with the date of a build tool, and without a size", () =>
    withFolder(async (cacheDir) => {
      const dated = (date) => ({ noTag: true, headers: { "last-modified": date } });
      for (const fault of [
        { noTag: true },
        { tag: '""' },
        dated("Sat, 26 Oct 1985 08:15:00 GMT"),
        dated("Thu, 01 Jan 1970 00:00:00 GMT"),
        dated("yesterday"),
        { ...dated("Tue, 04 Mar 2025 10:11:12 GMT"), chunked: true },
      ]) {
        server.fault = () => fault;
        await loads(cacheDir);
        const again = await loads(cacheDir);
        assert.deepEqual(ofPhase(again, "download"), new Set(NAMES), JSON.stringify(fault));
        assert.deepEqual(await Corom.cache.size({ cacheDir }), { bytes: 0, files: 0 });
      }
      // One file without a version is enough.
      server.fault = ({ name }) => ({ noTag: name === "tokenizer.json" });
      await loads(cacheDir);
      server.fault = gone;
      await failsWith("FETCH_FAILED", loads(cacheDir));
    }));

  test("fetches a file that has changed, and only that file", () =>
    withFolder(async (cacheDir) => {
      await loads(cacheDir);
      server.files = { ...files, "config.json": text(`${new TextDecoder().decode(files["config.json"])} `) };
      const events = await loads(cacheDir);
      assert.deepEqual(ofPhase(events, "download"), new Set(["config.json"]));
      server.fault = gone;
      assert.deepEqual(ofPhase(await loads(cacheDir), "download"), new Set());
      assert.equal((await Corom.cache.size({ cacheDir })).files, NAMES.length, "the old file is deleted");
    }));

  test("notices side files that appear and disappear", () =>
    withFolder(async (cacheDir) => {
      const poolingOf = async () => {
        const corom = await Corom.load(server.address, { ...EXACT, cacheDir, retries: 0 });
        corom.free();
        return corom.info.pooling;
      };
      server.files = { ...files, "1_Pooling/config.json": text('{"pooling_mode_cls_token": true}') };
      assert.equal(await poolingOf(), "cls");
      server.files = { ...files, "1_Pooling/config.json": text('{"pooling_mode_mean_tokens": true}') };
      assert.equal(await poolingOf(), "mean");
      server.fault = gone;
      assert.equal(await poolingOf(), "mean");
      server.fault = undefined;
      server.files = { ...files, "configuration.json": text('{"model": {"emb_pooler_type": "cls"}}') };
      assert.equal(await poolingOf(), "cls");
      server.fault = gone;
      assert.equal(await poolingOf(), "cls");
    }));

  test("takes a page that a server sends for missing files as missing, also without a network", () =>
    withFolder(async (cacheDir) => {
      server.fault = ({ name }) => (name in files ? undefined : { page: true });
      server.take();
      await loads(cacheDir);
      // Once for the load, and once because all versions are confirmed: a page for it is no damage.
      assert.equal(server.take().filter(({ name }) => name === "corom.json").length, 2);
      assert.deepEqual(ofPhase(await loads(cacheDir), "verify"), new Set(NAMES));
      server.fault = gone;
      assert.deepEqual(warningsOf(await loads(cacheDir)), ["OFFLINE"]);
    }));

  test("keeps the exports of several dtypes side by side", () =>
    withFolder(async (cacheDir) => {
      const { "onnx/model_quantized.onnx": int8, ...other } = filesOf(exportFolder("int8-qint8-channel"), [
        "config.json",
        "tokenizer.json",
        "onnx/model_quantized.onnx",
      ]);
      const { "onnx/model.onnx": f32 } = filesOf(exportFolder("legacy-op13"), ["onnx/model.onnx"]);
      server.files = { ...other, "onnx/model_quantized.onnx": int8, "onnx/model.onnx": f32 };
      const load = async (dtype) => {
        const corom = await Corom.load(server.address, { pooling: "cls", cacheDir, dtype, retries: 0 });
        corom.free();
        return corom.info.model;
      };
      for (const fault of [undefined, gone]) {
        server.fault = fault;
        assert.equal(await load("auto"), "onnx/model_quantized.onnx");
        assert.equal(await load("fp32"), "onnx/model.onnx");
      }
      await failsWith("FETCH_FAILED", load("q4"));
    }));

  test("corom/worker uses the same entries, and a fetch of the caller works", () =>
    withFolder(async (cacheDir) => {
      await loads(cacheDir);
      server.take();
      const events = [];
      const options = { ...OPTIONS, cacheDir, fetch: (url, init) => fetch(url, init), onProgress: (e) => events.push(e) };
      const corom = await CoromInWorker.load(server.address, options);
      assert.equal((await corom.embed(MODEL.texts)).rows, MODEL.texts.length);
      corom.free();
      assert.deepEqual(ofPhase(events, "download"), new Set());
    }));
});

describe("an update of the folder", () => {
  /** A second version, whose tokenizer and configuration have another length. */
  const newer = Object.fromEntries(
    NAMES.map((name) => [name, name.endsWith(".json") ? text(`${new TextDecoder().decode(files[name])} `) : files[name]]),
  );

  test("during a load starts the load again", () =>
    withFolder(async (cacheDir) => {
      let updated = false;
      server.fault = ({ name }) => {
        if (name === "model.onnx_data" && !updated) {
          updated = true;
          server.files = newer;
        }
      };
      const events = await loads(cacheDir);
      assert.ok(updated);
      const fetched = server.take().filter(({ name }) => name === "config.json");
      assert.ok(fetched.length >= 3, "config.json is checked, and fetched again");
      server.fault = gone;
      assert.deepEqual(warningsOf(await loads(cacheDir)), ["OFFLINE"]);
      assert.equal(events.at(-1).phase, "done");
    }));

  test("that never ends is rejected with FETCH_FAILED", () =>
    withFolder(async (cacheDir) => {
      let version = 0;
      server.fault = ({ name }) => (name === "config.json" ? { tag: `"${version++}"` } : undefined);
      await failsWith("FETCH_FAILED", loads(cacheDir), "config.json", "changed on the server");
      server.fault = undefined;
      await loads(cacheDir);
    }));

  test("is not mixed with files of the record: a server that fails in between is asked again", () =>
    withFolder(async (cacheDir) => {
      await loads(cacheDir);
      server.files = newer;
      // The configuration is the new one, and the tokenizer cannot be fetched at first.
      server.fault = ({ name, count }) => (name === "tokenizer.json" && count < 1 ? { status: 503 } : undefined);
      const events = await loads(cacheDir);
      assert.ok(ofPhase(events, "download").has("tokenizer.json"));
      assert.equal(events.at(-1).phase, "done");
      // It stays away: neither version is complete.
      server.files = files;
      server.fault = ({ name }) => (name === "tokenizer.json" ? { status: 503 } : undefined);
      await failsWith("FETCH_FAILED", loads(cacheDir));
    }));

  test("to a converted folder, and back, is noticed", () =>
    withFolder(async (cacheDir) => {
      await loads(cacheDir);
      server.files = MODEL.files;
      await loads(cacheDir);
      server.fault = gone;
      assert.ok(ofPhase(await loads(cacheDir), "verify").has("corom.json"), "the manifest is the last version");
      server.fault = undefined;
      server.files = files;
      await loads(cacheDir);
      server.fault = gone;
      assert.ok(!ofPhase(await loads(cacheDir), "verify").has("corom.json"));
      assert.equal((await Corom.cache.size({ cacheDir })).files, NAMES.length, "nothing of the manifest is left");
    }));
});

describe("a kept folder whose cache is damaged", () => {
  const changes = {
    "a bit": (folder) => {
      const bytes = readFileSync(path.join(folder, "0"));
      bytes[bytes.length >> 1] ^= 4;
      writeFileSync(path.join(folder, "0"), bytes);
    },
    "a file that is cut": (folder) => {
      const bytes = readFileSync(path.join(folder, "0"));
      writeFileSync(path.join(folder, "0"), bytes.subarray(0, -1));
    },
    "no digest": (folder) => rmSync(path.join(folder, "0.digest")),
    "a wrong digest": (folder) => writeFileSync(path.join(folder, "0.digest"), "null"),
    "no segment": (folder) => rmSync(path.join(folder, "0")),
    "no file": (folder) => rmSync(folder, { recursive: true }),
  };

  test("fetches what is damaged, and fails without a network", () =>
    withFolder(async (cacheDir) => {
      for (const [what, change] of Object.entries(changes)) {
        await loads(cacheDir);
        const shard = files["model.onnx_data"].length;
        change(entriesOf(cacheDir).find(({ size }) => size === shard).folder);
        server.fault = gone;
        await failsWith("FETCH_FAILED", loads(cacheDir));
        server.fault = undefined;
        const events = await loads(cacheDir);
        assert.deepEqual(ofPhase(events, "download"), new Set(["model.onnx_data"]), what);
        assert.deepEqual(ofPhase(await loads(cacheDir), "download"), new Set(), what);
      }
    }));

  test("takes a damaged record as none", () =>
    withFolder(async (cacheDir) => {
      await loads(cacheDir);
      const [name] = readdirSync(path.join(cacheDir, "manifests"));
      for (const damaged of ["", "{", "null", '{"files": [{}], "missing": 7}']) {
        writeFileSync(path.join(cacheDir, "manifests", name), damaged);
        server.fault = gone;
        await failsWith("FETCH_FAILED", loads(cacheDir));
        server.fault = undefined;
        assert.deepEqual(ofPhase(await loads(cacheDir), "download"), new Set(), "the files are still there");
      }
    }));
});
