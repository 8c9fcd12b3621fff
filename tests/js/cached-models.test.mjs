// Corom.cache.has and Corom.cache.delete, and entries whose program was killed while it wrote them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Corom as InWorker } from "corom/worker";
import { modelscope } from "corom/hub";
import { Corom, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { MODEL, NAMES, SHARD, loadsRight, withFolder } from "./support/loading.mjs";
import { ROOT } from "./support/paths.mjs";

const { "corom.json": manifest, ...foreign } = MODEL.files;
const CLASSES = { corom: Corom, "corom/worker": InWorker };

let server;
before(async () => {
  const files = { ...MODEL.files };
  for (const [name, bytes] of Object.entries(foreign)) files[`other/${name}`] = bytes;
  server = await faultServer(files);
});
after(() => server.close());
beforeEach(() => (server.fault = undefined));
const other = () => `${server.address}other/`;
const loadOther = async (cacheDir) => (await Corom.load(other(), { cacheDir, pooling: "cls" })).free();

for (const [name, { cache }] of Object.entries(CLASSES)) {
  describe(`Corom.cache of ${name}`, () => {
    test("has and deletes a model with a manifest, and one without", () =>
      withFolder(async (cacheDir) => {
        assert.equal(await cache.has(server.address, { cacheDir }), false);
        await loadsRight(server.address, { cacheDir });
        await loadOther(cacheDir);
        for (const source of [server.address, new URL(server.address), [server.address, "https://b.example/"], other()])
          assert.equal(await cache.has(source, { cacheDir }), true, String(source));
        for (const source of [`${server.address}?v=2`, `${server.address}another/`, "https://a.example/"])
          assert.equal(await cache.has(source, { cacheDir }), false, source);
        assert.equal(await cache.delete(server.address, { cacheDir }), true);
        assert.equal(await cache.delete(server.address, { cacheDir }), false);
        assert.deepEqual([await cache.has(server.address, { cacheDir }), await cache.has(other(), { cacheDir })], [false, true]);
        assert.equal(await cache.delete([other()], { cacheDir }), true);
        assert.deepEqual(await cache.size({ cacheDir }), { bytes: 0, files: 0 });
        await loadsRight(server.address, { cacheDir });
      }));

    test("delete keeps the files that another address needs", () =>
      withFolder(async (cacheDir) => {
        await loadsRight(server.address, { cacheDir });
        await loadsRight(`${server.address}?v=2`, { cacheDir });
        await cache.delete(server.address, { cacheDir });
        assert.equal(await cache.has(`${server.address}?v=2`, { cacheDir }), true);
        server.take();
        await loadsRight(`${server.address}?v=2`, { cacheDir });
        assert.deepEqual(server.take().map(({ name }) => name), ["corom.json"]);
        await cache.delete(`${server.address}?v=2`, { cacheDir });
        assert.equal((await cache.size({ cacheDir })).files, 0);
      }));

    test("has is false if a part of a file is missing", () =>
      withFolder(async (cacheDir) => {
        await loadsRight(server.address, { cacheDir });
        const folder = readdirSync(cacheDir).find((name) => name !== "manifests");
        rmSync(path.join(cacheDir, folder, "0"));
        assert.equal(await cache.has(server.address, { cacheDir }), false);
      }));

    test("has and delete are false for files in memory and on disk", () =>
      withFolder(async (cacheDir) => {
        for (const source of [MODEL.files, new Map(), [], "./model/", new URL("file:///model/")]) {
          assert.equal(await cache.has(source, { cacheDir }), false);
          assert.equal(await cache.delete(source, { cacheDir }), false);
        }
        assert.equal(await cache.has(modelscope("damo/model"), { cacheDir }), false);
      }));

    test("rejects wrong arguments with INVALID_ARGUMENT", async () => {
      for (const call of [cache.has, cache.delete]) {
        for (const source of [undefined, 5, null]) await failsWith("INVALID_ARGUMENT", call(source, { cacheDir: "x" }), "source");
        await failsWith("INVALID_ARGUMENT", call(server.address), "cacheDir");
        await failsWith("INVALID_ARGUMENT", call(server.address, { cachedir: "x" }), "cacheDir");
        await failsWith("INVALID_ARGUMENT", call("https://not valid/", { cacheDir: "x" }), "source");
      }
      await failsWith("INVALID_ARGUMENT", cache.size({ cacheDir: "x", cache: "none" }), "cache");
    });
  });
}

describe("entries of a program that was killed", () => {
  const temporary = (cacheDir) =>
    readdirSync(cacheDir, { recursive: true }).filter((name) => path.basename(name).startsWith("."));

  test("are not counted, and deleted by a later load; those of a running program are kept", () =>
    withFolder(async (cacheDir) => {
      await loadsRight(server.address, { cacheDir });
      const { bytes } = await Corom.cache.size({ cacheDir });
      const folder = path.join(cacheDir, readdirSync(cacheDir).find((name) => name !== "manifests"));
      const ended = spawn(process.execPath, ["-e", ""]);
      await new Promise((resolve) => ended.on("exit", resolve));
      const write = (name, ageSeconds) => {
        const file = path.join(folder, name);
        writeFileSync(file, Buffer.alloc(1000));
        utimesSync(file, Date.now() / 1000 - ageSeconds, Date.now() / 1000 - ageSeconds);
      };
      write(`.0.${ended.pid}.abc`, 10); // its program has ended
      write(`.1048576.${process.pid}.abc`, 10); // being written
      write(".2097152.1.abc", 100); // too old
      write("0.crswap", 100);
      writeFileSync(path.join(folder, ".note"), "of another program");
      assert.equal((await Corom.cache.size({ cacheDir })).bytes, bytes);
      await loadsRight(server.address, { cacheDir });
      assert.deepEqual(temporary(cacheDir).map((name) => path.basename(name)).sort(), [".1048576." + process.pid + ".abc", ".note"]);
      assert.ok(!readdirSync(folder).includes("0.crswap"));
    }));

  test("a load after SIGKILL during a write continues, and leaves no temporary files", { timeout: 120_000 }, () =>
    withFolder(async (cacheDir) => {
      server.fault = ({ name }) => (name === SHARD ? { slow: 200 } : {});
      const program = `
        const { default: fs } = await import("node:fs/promises");
        const { rename } = fs;
        fs.rename = (from, to) => (to.includes("manifests") ? rename(from, to) : process.kill(process.pid, "SIGKILL"));
        (await import("node:module")).syncBuiltinESMExports();
        const { Corom } = await import("corom");
        await Corom.load(${JSON.stringify(server.address)}, { cacheDir: ${JSON.stringify(cacheDir)} });`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], { cwd: path.join(ROOT, "tests/js") });
      const signal = await new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));
      assert.equal(signal, "SIGKILL");
      assert.ok(temporary(cacheDir).length > 0);
      server.fault = undefined;
      await loadsRight(server.address, { cacheDir });
      assert.deepEqual(temporary(cacheDir), []);
      assert.equal((await Corom.cache.size({ cacheDir })).files, NAMES.length - 1);
    }));
});
