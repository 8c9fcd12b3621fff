// The example in examples/node-script, and the first examples of the documentation, run as they are written.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { convert } from "corom/convert";
import { Corom } from "./support/corom.mjs";
import { FIXTURES, PKG, ROOT } from "./support/paths.mjs";
import { TRAINED } from "./support/rerankers.mjs";

const MODEL = path.join(FIXTURES, "bits/int8");
const QUERY = "阔腿裤女冬牛仔";

/** A user's project: the package in node_modules, a model folder called model. */
const project = mkdtempSync(path.join(os.tmpdir(), "corom-examples-"));
mkdirSync(path.join(project, "node_modules"));
symlinkSync(PKG, path.join(project, "node_modules/corom"));
symlinkSync(MODEL, path.join(project, "model"));
await convert(TRAINED, { out: path.join(project, "ranking") });
writeFileSync(path.join(project, "package.json"), '{ "type": "module" }');
after(() => rmSync(project, { recursive: true }));

function node(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("examples/node-script", () => {
  cpSync(path.join(ROOT, "examples/node-script"), project, {
    recursive: true,
    filter: (file) => !/package\.json$|node_modules$/.test(file),
  });
  const titles = readFileSync(path.join(project, "titles.txt"), "utf8").split("\n").filter(Boolean);

  test("prints the best titles and writes the vectors of all", async () => {
    const { status, stdout, stderr } = node("embed-titles.mjs", "model", QUERY, "vectors.f32");
    assert.equal(status, 0, stderr);

    const corom = await Corom.load(MODEL, { quality: "exact" });
    const { data } = await corom.embed(titles);
    const best = await corom.rank(QUERY, titles, { topK: 3 });
    corom.free();
    const bytes = readFileSync(path.join(project, "vectors.f32"));
    assert.deepEqual(bytes, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    const lines = stdout.trimEnd().split("\n");
    assert.deepEqual(
      lines.slice(1, -1),
      best.map(({ index, score, text }) => `${score.toFixed(4)}  ${index}  ${text}`),
    );
    assert.match(lines[0], /^64 numbers per vector, int8 products, kernel (exact|relaxed-i16|relaxed-i32)$/);
    assert.equal(lines.at(-1), `vectors.f32: ${titles.length} × 64 f32`);
  });

  test("prints the code of an error and its usage", () => {
    const missing = node("embed-titles.mjs", "no-such-folder", QUERY, "vectors.f32");
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /^MISSING_FILE: /);
    const usage = node("embed-titles.mjs");
    assert.equal(usage.status, 1);
    assert.match(usage.stderr, /^usage: /);
  });
});

describe("the documentation's JavaScript", () => {
  /** Returns the nth JavaScript block of a document. */
  function block(document, index) {
    const text = readFileSync(path.join(ROOT, document), "utf8");
    const found = [...text.matchAll(/```js\n([^]*?)```/g)][index];
    assert.ok(found, `${document} has no JavaScript block ${index}`);
    return found[1];
  }

  /** Runs a block as a module, with the constants that its page has. */
  function run(code, constants = "") {
    writeFileSync(path.join(project, "block.mjs"), `${constants}\n${code}`);
    const { status, stdout, stderr } = node("block.mjs");
    assert.equal(status, 0, stderr);
    return stdout;
  }

  test("README: the first example ranks", () => {
    const stdout = run(block("README.md", 0));
    assert.equal(stdout.match(/score: -?[\d.]+/g)?.length, 2, stdout);
  });

  test("README: the usage prints what its comments say", () => {
    const stdout = run(block("README.md", 1));
    assert.match(stdout, /^wasm\n[^]*done\n64\n(阔腿牛仔裤|无线蓝牙耳机).*\nINVALID_ARGUMENT\n$/);
  });

  test("Getting started: the first program prints the shape", () => {
    const lines = run(block("docs/getting-started.md", 0));
    assert.match(lines, /^64 2 64\n\[\s*{ index: \d, score: -?[\d.]+ },\s*{ index: \d, score: -?[\d.]+ }\s*\]\n$/);
  });

  test("API: the first example prints nothing and fails at nothing", () => {
    assert.equal(run(block("docs/reference/api.md", 0)), "");
  });

  test("API: Embeddings come back from JSON, vectors are kept, and ModelScope's pipeline runs", () => {
    const load = 'import { Corom } from "corom"; const corom = await Corom.load("./model/"); const titles = ["裤", "耳机"];\n';
    assert.equal(run(block("docs/reference/api.md", 1), load), "true\n");
    assert.equal(run(block("docs/reference/api.md", 2), load), "2 64 1\n");
    assert.equal(run(block("docs/reference/api.md", 3)), "");
    assert.equal(run(block("docs/reference/api.md", 4), load), "2 1\n");
  });
});
