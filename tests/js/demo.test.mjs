// The demo's server, and how build.sh checks its arguments and tools.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { demoRoots, serve } from "../../www/serve.mjs";
import { ROOT, exportFolder } from "./support/paths.mjs";

const SERVE = path.join(ROOT, "www/serve.mjs");
const MODEL = exportFolder("legacy-op14");

describe("www/serve.mjs", () => {
  /** Makes sure that a port is taken. */
  async function occupy(port) {
    const server = createServer().listen(port, "127.0.0.1");
    await Promise.race([once(server, "listening"), once(server, "error")]).catch(() => {});
    return server;
  }

  test("uses a free port if port 8080 is taken", async () => {
    const other = await occupy(8080);
    const child = spawn(process.execPath, [SERVE, MODEL], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const [line] = await once(child.stdout.setEncoding("utf8"), "data");
      const [address] = line.match(/http:\/\/127\.0\.0\.1:\d+\//);
      assert.notEqual(new URL(address).port, "8080");
      assert.equal((await fetch(`${address}model/config.json`)).status, 200);
    } finally {
      child.kill();
      await once(child, "exit");
      other.close();
    }
  });

  test("answers range requests", async () => {
    const { server, address } = await serve(demoRoots(MODEL));
    const url = `${address}model/config.json`;
    const whole = await (await fetch(url)).text();
    const part = async (range, headers = {}) => {
      const response = await fetch(url, { headers: { range, ...headers } });
      return [response.status, response.headers.get("content-range"), await response.text()];
    };
    const size = whole.length;
    assert.deepEqual(await part("bytes=10-19"), [206, `bytes 10-19/${size}`, whole.slice(10, 20)]);
    assert.deepEqual(await part("bytes=10-"), [206, `bytes 10-${size - 1}/${size}`, whole.slice(10)]);
    assert.deepEqual(await part("bytes=-5"), [206, `bytes ${size - 5}-${size - 1}/${size}`, whole.slice(-5)]);
    assert.deepEqual(await part(`bytes=5-${size * 2}`), [206, `bytes 5-${size - 1}/${size}`, whole.slice(5)]);
    assert.deepEqual(await part(`bytes=${size}-`), [416, `bytes */${size}`, ""]);
    for (const none of ["bytes=5-3", "bytes=0-1,3-4", "lines=1-2", "bytes=-"])
      assert.deepEqual(await part(none), [200, null, whole], none);
    assert.deepEqual(await part("bytes=10-19", { "if-range": '"another"' }), [200, null, whole]);
    server.close();
  });

  test("redirects the page to the plain binary if no other is built", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "corom-built-"));
    mkdirSync(path.join(folder, "wasm"));
    const { server, address } = await serve({ ...demoRoots(MODEL), "/pkg/": folder });
    const page = async () => {
      const { status, headers } = await fetch(address, { redirect: "manual" });
      return [status, headers.get("location")];
    };
    writeFileSync(path.join(folder, "wasm/corom.wasm"), "");
    assert.deepEqual(await page(), [302, "/?simd=plain"]);
    assert.equal((await fetch(address)).status, 200);
    writeFileSync(path.join(folder, "wasm/corom-relaxed.wasm"), "");
    assert.deepEqual(await page(), [200, null]);
    rmSync(path.join(folder, "wasm/corom.wasm"));
    assert.deepEqual(await page(), [200, null]);
    server.close();
    rmSync(folder, { recursive: true });
  });

  test("exits with 1 and says why if --port is taken or invalid", async () => {
    const other = await occupy(0);
    const run = (port) => {
      const child = spawn(process.execPath, [SERVE, MODEL, "--port", port], { stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
      return once(child, "close").then(([status]) => ({ status, said }));
    };
    const taken = await run(String(other.address().port));
    assert.deepEqual([taken.status, taken.said.includes("taken")], [1, true], taken.said);
    for (const wrong of ["65536", "x"]) {
      const { status, said } = await run(wrong);
      assert.deepEqual([status, said.startsWith("usage:")], [1, true], said);
    }
    other.close();
  });
});

describe("build.sh", () => {
  let folder;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "corom-tools-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Runs build.sh with tools in PATH that only print a version. */
  function build(args, { cargo = "1.95.0", rustc = "1.95.0", node = "v20.0.0" } = {}) {
    for (const [name, said] of Object.entries({ cargo, rustc: `rustc ${rustc} (abc 2026-01-01)`, node })) {
      writeFileSync(path.join(folder, name), `#!/bin/sh\necho "${said}"\nexit 0\n`);
      chmodSync(path.join(folder, name), 0o755);
    }
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, COROM_CACHE: path.join(folder, "cache") };
    const { status, stderr } = spawnSync(path.join(ROOT, "build.sh"), args, { env, encoding: "utf8" });
    return { status, stderr };
  }

  test("rejects wrong arguments before it builds anything", () => {
    for (const [args, said] of [
      [["demo", "--port"], "--port takes a number"],
      [["demo", "--port", "x"], "not 'x'"],
      [["demo", "--port", "65536"], "not '65536'"],
      [["demo", "--model", "/nowhere"], "'/nowhere' is neither"],
      [["demo", "--what"], "not '--what'"],
    ]) {
      const { status, stderr } = build(args);
      assert.deepEqual([status, stderr.includes(said)], [1, true], stderr);
    }
  });

  test("names a tool that is too old and the version that is needed", () => {
    for (const command of ["build", "demo", "test"]) {
      for (const [tools, said] of [
        [{ node: "v18.19.1" }, "Node.js is 18.19.1 here, and 20 or later is needed"],
        [{ rustc: "1.90.0" }, "rustc is 1.90.0 here, and 1.91 or later is needed"],
        [{ rustc: "1.90.0-nightly" }, "rustc is 1.90.0-nightly here"],
      ]) {
        const { status, stderr } = build([command], tools);
        assert.deepEqual([status, stderr.includes(said)], [1, true], stderr);
      }
    }
    assert.match(build(["lint"], { rustc: "0.9" }).stderr, /1\.91 or later/);
  });
});
