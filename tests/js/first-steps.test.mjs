// Mistakes of first users, and what they are told.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Corom, failsWith } from "./support/corom.mjs";
import { FIXTURES, PKG } from "./support/paths.mjs";

const MODEL = path.join(FIXTURES, "bits/int8");

const BIN = path.join(PKG, "bin/corom.js");
let folder;
before(() => (folder = mkdtempSync(path.join(os.tmpdir(), "corom-"))));
after(() => rmSync(folder, { recursive: true }));

const file = (name, contents) => {
  writeFileSync(path.join(folder, name), contents);
  return path.join(folder, name);
};
const run = (...args) => spawnSync(process.execPath, [BIN, ...args], { encoding: "utf8", cwd: folder });

describe("npx corom", () => {
  test("names the option that was meant, and the command that decides", () => {
    const texts = file("a.txt", "a");
    for (const [args, ...words] of [
      [["rank", "a", texts, "-m", MODEL, "--topk", "3"], "did you mean --top-k?"],
      [["rank", "a", texts, "-m", MODEL, "--dtype", "q8"], "corom convert --dtype"],
      [["convert", "a", "b", "--dtype", "q8"], "write int8"],
      [["convert", "a", "b", "--dtype=fp32"], "write f32"],
      [["inspect", "a", "--nonsense"], "--nonsense", "--help"],
      [["rank", "a", file("a.csv", "a,b"), "-m", MODEL], "CSV", ".tsv"],
      [["rank", "a", file("a.json", "[]"), "-m", MODEL], "JSON", ".jsonl"],
      [["rank", texts, "阔腿裤", "-m", MODEL], "阔腿裤 does not exist"],
      [["rank", "a", file("a.unknown", "a"), "-m", MODEL], "--input"],
    ]) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, stderr);
      for (const word of words) assert.ok(stderr.includes(word), `${word} is not in: ${stderr}`);
    }
    assert.match(run("rank", "--", "--topk", "missing.txt").stderr, /missing|required|--model/);
  });

  test("says that texts are empty, or that there are none", () => {
    const ranked = run("rank", "裤", file("b.txt", "阔腿牛仔裤\n\n蓝牙耳机\n \n"), "-m", MODEL);
    assert.equal(ranked.status, 0, ranked.stderr);
    assert.match(ranked.stderr, /2 of 4 texts are empty/);
    assert.equal(ranked.stdout.trimEnd().split("\n").length, 4);
    const none = run("rank", "裤", file("empty.txt", ""), "-m", MODEL);
    assert.deepEqual([none.status, none.stdout], [0, ""]);
    assert.match(none.stderr, /empty\.txt has no texts/);
  });

  test("names the type of a field that is no text", () => {
    for (const [value, word] of [["null", "null"], ["[1]", "an array"], ["7", "number"], ['{"a":1}', "object"]]) {
      const { stderr } = run("rank", "裤", file("a.jsonl", `{"text":${value}}\n`), "-m", MODEL);
      assert.match(stderr, new RegExp(`line 1 has .*${word}.* in the field \`text\``));
    }
  });
});

describe("Corom", () => {
  test("says how a model of a hub, and the folder of a file, are loaded", async () => {
    await failsWith("MISSING_FILE", Corom.load("owner/some-model.v2"), 'huggingface("owner/some-model.v2")', "corom/hub");
    const missing = await failsWith("MISSING_FILE", Corom.load("./some/model"), "does not exist");
    assert.doesNotMatch(missing.message, /corom\/hub/);
    await failsWith("MISSING_FILE", Corom.load(path.join(MODEL, "config.json")), "is a file", "folder");
  });

  test("says what documents are made of the values that its calls return", async () => {
    const corom = await Corom.load(MODEL);
    const vectors = await corom.embed(["a", "b"]);
    await failsWith("INVALID_ARGUMENT", corom.rank("a", corom.embed(new Set(["a"]))), "for await");
    await failsWith("INVALID_ARGUMENT", corom.rank("a", vectors.data), "Embeddings.from({ data, rows, dimension })");
    await failsWith("INVALID_ARGUMENT", corom.rank("a", JSON.stringify(vectors)), "Embeddings.from(text)");
    corom.free();
  });
});
