// The model in the package: its files, its results, and the commands that use it by default.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { COMMAND, corom, scratch } from "./support/converter.mjs";
import { Corom } from "./support/corom.mjs";
import { PKG, readJson } from "./support/paths.mjs";

const NANO = path.join(PKG, "models/nano");
const MB = 1e6;
/** A description in other words than the title, as in examples/shop. */
const QUERY = "里面毛茸茸的露脚趾的鞋子";
const TITLES = ["便携 静音 加湿器 粉色 3L", "加绒 凉鞋 女 米白 38码", "官方 显瘦 牛仔裤 蓝色 XL", "防滑 跑步鞋 39码"];

describe("the model nano", () => {
  test("has the size and the files that its manifest states", async () => {
    const { files } = readJson(path.join(NANO, "corom.json"));
    const sizes = files.map(({ path: name }) => statSync(path.join(NANO, name)).size);
    assert.ok(sizes.reduce((a, b) => a + b) <= 4 * MB, `${sizes}`);
    assert.ok(Math.max(...sizes) < MB, `${sizes}`);
    // A load checks every hash and the self-test.
    const model = await Corom.load(NANO);
    assert.deepEqual([model.info.dimension, model.info.dtype], [192, "int8"]);
    model.free();
  });

  test("finds a product by a description that shares no word with its title", async () => {
    // As the model's README has it.
    const model = await Corom.load(new URL(".", import.meta.resolve("corom/models/nano/corom.json")));
    const [best] = await model.rank(QUERY, TITLES);
    assert.equal(best.text, TITLES[1]);
    model.free();
  });

  test("stands in for a model in `rank`, which says so, and has a name in other commands", (t) => {
    const folder = scratch(t);
    const input = path.join(folder, "titles.txt");
    writeFileSync(input, TITLES.join("\n"));
    const { status, stdout, stderr } = corom("rank", QUERY, input, "-k", "1");
    assert.equal(status, 0, stderr);
    assert.ok(stdout.includes(TITLES[1]), stdout);
    assert.match(stderr, /no --model: this is corom's nano model/);
    const named = corom("rank", QUERY, input, "-k", "1", "--model", "nano");
    assert.deepEqual([named.stdout, named.stderr], [stdout, ""]);
    assert.match(corom("inspect", "nano", "--check").stdout, /dimension +192/);
    const out = path.join(folder, "out.jsonl");
    assert.equal(corom("embed", input, out, "-m", "nano").status, 0);
    // Vectors that are kept need a model that was chosen.
    assert.match(corom("embed", input, out, "--force").stderr, /--model is missing.*nano/);
  });

  test("gives way to a folder of that name", (t) => {
    const folder = scratch(t);
    mkdirSync(path.join(folder, "nano"));
    const child = spawn(process.execPath, [COMMAND, "serve", "nano"], { cwd: folder, timeout: 15_000 });
    return new Promise((resolve) => {
      let output = "";
      child.stderr.on("data", (chunk) => (output += chunk));
      child.on("close", (code) => resolve(assert.deepEqual([code, /MISSING_FILE.*nano has neither/.test(output)], [1, true], output)));
    });
  });

  test("is what `serve` shows without a model", async () => {
    const child = spawn(process.execPath, [COMMAND, "serve", "--port", "0"]);
    try {
      let output = "";
      for await (const chunk of child.stdout) {
        output += chunk;
        if (/http\S+/.test(output)) break;
      }
      const address = /http\S+/.exec(output)[0];
      const manifest = await (await fetch(new URL("model/corom.json", address))).json();
      assert.equal(manifest.lineage, readJson(path.join(NANO, "corom.json")).lineage);
    } finally {
      child.kill();
      await once(child, "close");
    }
  });
});
