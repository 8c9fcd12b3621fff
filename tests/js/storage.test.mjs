// Storage that hangs, folders that cannot be read, and addresses in messages: what `load` says and how it goes on.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { convert } from "corom/convert";
import { huggingface } from "corom/hub";
import { Corom as InWorker } from "corom/worker";
import { answered, answeringStore } from "../../pkg/lib/answering-store.js";
import { openCache } from "../../pkg/lib/cache.js";
import { folderStore } from "../../pkg/lib/store-folder.js";
import { Corom, failsWith } from "./support/corom.mjs";
import { MODEL, loadsRight, warningsOf, withFolder } from "./support/loading.mjs";
import { memoryStore } from "./support/memory-store.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const { files } = MODEL;
const CLASSES = { corom: Corom, "corom/worker": InWorker };
const never = new Promise(() => {});
const ignore = () => {};

let site;
before(async () => (site = await serveWith(fromFiles(files))));
after(() => site.close());

/** Runs `work` while functions of node:fs/promises are replaced. */
async function withFs(replaced, work) {
  const originals = Object.fromEntries(Object.keys(replaced).map((name) => [name, fs[name]]));
  const change = (functions) => (Object.assign(fs, functions), syncBuiltinESMExports());
  change(replaced);
  try {
    return await work();
  } finally {
    change(originals);
  }
}

/** Functions of node:fs/promises that never answer for paths in a folder. */
function hangingIn(folder) {
  const { readFile, stat, mkdir } = fs;
  const hanging =
    (original) =>
    (at, ...rest) =>
      String(at).startsWith(folder) ? never : original(at, ...rest);
  return { readFile: hanging(readFile), stat: hanging(stat), mkdir: hanging(mkdir) };
}

describe("a cache that hangs", () => {
  test("ends the load with the signal's reason as soon as it aborts", () =>
    withFolder((cacheDir) =>
      withFs(hangingIn(cacheDir), async () => {
        const reason = new Error("enough");
        const controller = new AbortController();
        const load = Corom.load(site.address, { cacheDir, signal: controller.signal });
        setTimeout(() => controller.abort(reason), 50);
        await assert.rejects(load, (error) => error === reason);
      }),
    ));

  test("is left with the warning CACHE_FAILED after some seconds, and the load goes on", { timeout: 60_000 }, () =>
    withFolder((cacheDir) =>
      withFs(hangingIn(cacheDir), async () => {
        assert.deepEqual(warningsOf(await loadsRight(site.address, { cacheDir })), ["CACHE_FAILED"]);
      }),
    ));

  test("that never opens is reported once, and ended by the signal", async () => {
    const warnings = [];
    const host = { folderStore: () => never };
    const options = { cache: "auto", cacheDir: "/x" };
    const signal = AbortSignal.timeout(20);
    await assert.rejects(openCache(host, { ...options, signal }, ignore), { name: "TimeoutError" });
    assert.equal(await openCache(host, options, (code) => warnings.push(code)), undefined);
    assert.deepEqual(warnings, ["CACHE_FAILED"]);
  });

  test("gets a moment after an abort, so that received bytes are written", async () => {
    const slow = { ...memoryStore() };
    const { write } = slow;
    slow.write = async (...args) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return write(...args);
    };
    const store = answeringStore(slow, { signal: AbortSignal.abort() });
    await store.write("folder", "0", new Uint8Array(3));
    assert.equal((await store.read("folder", "0")).length, 3);
    const names = [];
    for await (const name of store.names("folder")) names.push(name);
    assert.deepEqual(names, ["0"]);
  });

  test("is not one that answers during a long task of this thread", async () => {
    const answer = new Promise((resolve) => setTimeout(resolve, 30, "here"));
    const late = answered(answer, { limitMs: 40 });
    const end = performance.now() + 80;
    while (performance.now() < end);
    assert.equal(await late, "here");
  });
});

test("12 loads with one signal and a cache cause no warning about listeners", () =>
  withFolder(async (cacheDir) => {
    const warnings = [];
    const note = ({ name }) => warnings.push(name);
    process.on("warning", note);
    const { signal } = new AbortController();
    const loads = Array.from({ length: 12 }, () => Corom.load(site.address, { cacheDir, signal }));
    for (const corom of await Promise.all(loads)) corom.free();
    await new Promise((resolve) => setTimeout(resolve, 10)); // warnings are sent later
    process.off("warning", note);
    assert.deepEqual(warnings, []);
  }));

test("a cache in a folder repeats a write whose temporary file was deleted meanwhile", () =>
  withFolder(async (folder) => {
    const { rename } = fs;
    let failures = 0;
    const failingOnce = async (from, to) => {
      if (failures++ === 0) await fs.rm(from);
      return rename(from, to);
    };
    await withFs({ rename: failingOnce }, async () => {
      const store = await folderStore(folder);
      await store.write("a", "0", new Uint8Array(3));
      assert.equal((await store.read("a", "0")).length, 3);
    });
    assert.equal(failures, 2);
  }));

for (const [name, Class] of Object.entries(CLASSES)) {
  describe(`Corom.load of ${name}`, () => {
    test("goes on without a cacheDir that cannot be created", async () => {
      const events = [];
      // Node's recursive mkdir never ends there.
      const corom = await Class.load(site.address, { cacheDir: "/proc/corom/a", onProgress: (event) => events.push(event) });
      corom.free();
      assert.deepEqual(warningsOf(events), ["CACHE_FAILED"]);
      assert.match(events.find(({ phase }) => phase === "warning").message, /ENOENT.*\/proc\/corom/);
    });

    test("rejects a cacheDir that is no folder's path with INVALID_ARGUMENT, whatever the source", async () => {
      const wrong = [new URL("https://a.example/"), "https://a.example/", "", "a\0b", 5, "file://host/a", new URL("file://host/a")];
      for (const cacheDir of wrong) {
        await failsWith("INVALID_ARGUMENT", Class.load(site.address, { cacheDir }), "cacheDir");
        await failsWith("INVALID_ARGUMENT", Corom.cache.size({ cacheDir }), "cacheDir");
      }
      await failsWith("INVALID_ARGUMENT", Class.load(files, { cacheDir: "https://a.example/" }), "cacheDir");
      await withFolder(async (folder) => {
        const corom = await Class.load(site.address, { cacheDir: path.join(folder, "a:b") });
        corom.free();
        assert.ok((await Corom.cache.size({ cacheDir: path.join(folder, "a:b") })).files > 0);
      });
    });

    test("names the whole address of a folder without the files, and no secret", async () => {
      const wrong = new URL("wrong/folder/", site.address).href;
      await failsWith("MISSING_FILE", Class.load(wrong), wrong);
      await failsWith("MISSING_FILE", Class.load(wrong.slice(0, -1)), wrong);
      await failsWith("MISSING_FILE", Class.load(`${wrong}?version=2&token=hush`), `${wrong}?version=2&token=…`);
      await withFolder((folder) => failsWith("MISSING_FILE", Class.load(folder), folder));
      const error = await failsWith("MISSING_FILE", Class.load(wrong.replace("//", "//user:hush@")), wrong);
      assert.ok(!`${error.message} ${error.stack} ${error.cause}`.includes("hush"), error.message);
    });

    test("shows the password of an address in no message", async () => {
      const down = "http://user:hush@127.0.0.1:9/model/";
      const attempts = [
        () => Class.load(down, { retries: 0 }),
        () => Class.load([down, down], { retries: 0 }),
        () => Class.load(files, { wasm: down, retries: 0 }),
        () => Class.load("http://user:hush@not valid/"),
        () => Class.load("http://user:hush@127.0.0.1/%zz.onnx"),
        () => Class.load(files, { wasm: "http://user:hush@not valid/" }),
        () => Class.load(down, { cacheDir: down }),
      ];
      attempts.push(() => Class.load(huggingface("a/b", { host: down }), { retries: 0 }));
      attempts.push(async () => huggingface("a/b", { host: "ftp://user:hush@a.example" }));
      attempts.push(async () => huggingface("http://user:hush@a.example/"));
      for (const attempt of attempts) {
        const error = await failsWith(["FETCH_FAILED", "INVALID_ARGUMENT"], attempt);
        for (let at = error; at; at = at.cause) assert.ok(!`${at.message} ${at.input}`.includes("hush"), at.message);
      }
    });
  });
}

test("shows the password of a worker's address in no message", async () => {
  const error = await failsWith("UNSUPPORTED_HOST", InWorker.load(files, { worker: "http://user:hush@127.0.0.1:9/w.js" }), "http://127.0.0.1:9/w.js");
  for (let at = error; at; at = at.cause) assert.ok(!`${at.message} ${at.stack}`.includes("hush"), at.message);
});

test("a path that is no path is INVALID_ARGUMENT", async () => {
  for (const Class of Object.values(CLASSES)) {
    await failsWith("INVALID_ARGUMENT", Class.load("models/a\0b"), "NUL");
    await failsWith("INVALID_ARGUMENT", Class.load("ftp://user:hush@a.example/m"), "ftp://a.example/m");
    for (const address of ["data:text/plain,a", "blob:nodedata:a", "mailto:a@b.example"])
      await failsWith("INVALID_ARGUMENT", Class.load(new URL(address)), address, "expected that of a folder");
    await failsWith("INVALID_ARGUMENT", Class.load(["https://a.example/m/", 5]), "source[1]: got the number 5; expected a URL");
    await failsWith("INVALID_ARGUMENT", Class.load([new File(["{}"], "config.json"), 5]), "source[1]: got the number 5; expected a File");
    for (const source of ["", [""]]) {
      await failsWith("INVALID_ARGUMENT", Class.cache.has(source, { cacheDir: "nowhere" }), "empty string");
      await failsWith("INVALID_ARGUMENT", Class.cache.delete(source, { cacheDir: "nowhere" }), "empty string");
    }
  }
  await failsWith("INVALID_ARGUMENT", convert("a\0b"), "source", "NUL");
  await failsWith("INVALID_ARGUMENT", convert(files, { out: "a\0b" }), "out", "NUL");
});

test("Corom.load sends the password of an address as the header Authorization", async () => {
  const seen = new Set();
  const guarded = await serveWith((name, response, request) => {
    seen.add(request.headers.authorization);
    fromFiles(files)(name, response);
  });
  await loadsRight(guarded.address.replace("//", "//us%C3%A9r:p%20w@"));
  assert.deepEqual([...seen], [`Basic ${Buffer.from("usér:p w").toString("base64")}`]);
  await guarded.close();
});

describe("a folder on disk", () => {
  const denied = (folder) => Object.assign(new Error(`EACCES: permission denied, scandir '${folder}'`), { code: "EACCES" });
  /** Runs `work` with a model's folder that has a subfolder which cannot be listed. */
  const withUnreadable = (subfolder, contents, work) =>
    withFolder(async (folder) => {
      for (const [name, bytes] of Object.entries(contents)) writeFileSync(path.join(folder, name), bytes);
      mkdirSync(path.join(folder, subfolder));
      const { readdir } = fs;
      const refusing = (at, ...rest) =>
        path.basename(at) === subfolder ? Promise.reject(denied(at)) : readdir(at, ...rest);
      await withFs({ readdir: refusing }, () => work(folder));
    });
  const { "corom.json": _, ...foreign } = files;

  test("loads although a subfolder that nobody needs cannot be read", async () => {
    await withUnreadable("lost+found", files, (folder) => loadsRight(folder));
    await withUnreadable("onnx", files, (folder) => loadsRight(pathToFileURL(folder)));
    await withUnreadable("lost+found", foreign, async (folder) => {
      (await Corom.load(folder, { pooling: "cls" })).free();
    });
  });

  test("that cannot be read in a place of ONNX files fails with FETCH_FAILED, unless a file is named", () =>
    withUnreadable("onnx", foreign, async (folder) => {
      const error = await failsWith("FETCH_FAILED", Corom.load(folder), folder, "onnx cannot be read", "name the file");
      assert.equal(error.cause.code, "EACCES");
      (await Corom.load(folder, { model: "model.onnx", pooling: "cls" })).free();
      (await Corom.load(path.join(folder, "model.onnx"), { pooling: "cls" })).free();
    }));

  test("that cannot be read in a place of settings fails with FETCH_FAILED", () =>
    withUnreadable("1_Pooling", foreign, async (folder) => {
      const { open } = fs;
      const refusing = (at, ...rest) => (at.includes("1_Pooling") ? Promise.reject(denied(at)) : open(at, ...rest));
      await withFs({ open: refusing }, () => failsWith("FETCH_FAILED", Corom.load(folder), "1_Pooling", "EACCES"));
    }));

  test("names what could not be read if a file is missing", () =>
    withUnreadable("1_Pooling", { "README.md": "a model" }, (folder) =>
      failsWith("MISSING_FILE", Corom.load(folder), folder, "without 1_Pooling, which cannot be read"),
    ));
});
