// The files that `npx corom embed` reads and writes: records that must not change, names that lead to the same file,
// outputs that cannot be written.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { COMMAND, corom, native, scratch } from "./support/converter.mjs";
import { FIXTURES } from "./support/paths.mjs";
import { withField } from "../../pkg/lib/cli/json-line.js";
import { ProgressBar, weightsText } from "../../pkg/lib/cli/progress-bar.js";

const MODEL = path.join(FIXTURES, "bits/int8");

describe("withField", () => {
  test("changes nothing else in a line of JSON", () => {
    for (const [line, expected] of [
      ['{"id": 9007199254740993, "x": 1.0}', '{"id": 9007199254740993, "x": 1.0,"v":[1]}'],
      [" { } ", ' { "v":[1]}'],
      ['{"v":{"v":"}]"},"w":{"v":2}}', '{"v":[1],"w":{"v":2}}'],
      ['{ "a": ["{", "\\"", "\\\\"], "v" : null , "b":1e400 }', '{ "a": ["{", "\\"", "\\\\"], "v" :[1], "b":1e400 }'],
      ['{"\\u0076":0}', '{"\\u0076":[1]}'],
      ['{"v":0,"v":1}', '{"v":[1],"v":[1]}'],
    ]) {
      assert.equal(withField(line, "v", "[1]"), expected);
      assert.deepEqual(JSON.parse(expected).v, [1]);
    }
  });
});

describe("ProgressBar", () => {
  test("shows the rate and the time left on terminals of any width", (t) => {
    t.mock.method(performance, "now", () => clock);
    let clock = 0;
    const drawn = (columns) => {
      const written = [];
      const bar = new ProgressBar({ isTTY: true, columns, write: (text) => written.push(text) });
      bar.update("converting", 0, 4e8, weightsText);
      clock += 4000;
      bar.update("converting", 1e8, 4e8, weightsText);
      return written.at(-1).replace("\r\x1b[2K", "");
    };
    const words = " 25 %  100.0 of 400.0 M weights, 25.0 M/s, 12 s left";
    assert.equal(drawn(120), `converting [${"#".repeat(6)}${"-".repeat(18)}] ${words}`);
    assert.equal(drawn(80), `converting [###----------] ${words}`);
    for (const columns of [0, undefined]) assert.equal(drawn(columns), drawn(80));
    assert.equal(drawn(66), `converting ${words}`);
    assert.equal(drawn(40), `converting ${words}`.slice(0, 39));
  });
});

describe("corom embed", () => {
  test("keeps a record's numbers, and the cells of a table with a header", (t) => {
    const folder = scratch(t);
    const run = (name, contents, ...options) => {
      const [file, out] = [path.join(folder, name), path.join(folder, `${name}.jsonl`)];
      writeFileSync(file, contents);
      const { status, stderr } = corom("embed", file, out, "-m", MODEL, ...options);
      assert.equal(status, 0, stderr);
      return readFileSync(out, "utf8").trimEnd().split("\n");
    };
    const [record] = run("a.jsonl", '\ufeff{"id":12345678901234567890,"text":"裤","price":1.10}\r\n');
    assert.match(record, /^\{"id":12345678901234567890,"text":"裤","price":1\.10,"embedding":\[-?\d/);
    const table = 'id\tti"tle\r\n007\t"阔腿裤"\r\n008\t\r\n';
    const rows = run("b.tsv", `\ufeff${table}`, "--header", "--column", 'ti"tle').map((line) => JSON.parse(line));
    assert.deepEqual(rows.map(({ id, 'ti"tle': title }) => [id, title]), [["007", '"阔腿裤"'], ["008", ""]]);
  });

  test("reads line ends of every kind, and a byte order mark alone as no text", (t) => {
    const folder = scratch(t);
    for (const [contents, texts] of [
      ["裤\r\n\r\n裙", ["裤", "", "裙"]],
      ["\ufeff裤\n", ["裤"]],
      ["\ufeff", []],
      ["", []],
      ["\ufeff\n", [""]],
      ["\n", [""]],
      ["裤\na\0b", ["裤", "a\0b"]],
    ]) {
      const [file, out] = [path.join(folder, "in.txt"), path.join(folder, "out.jsonl")];
      writeFileSync(file, contents);
      for (const command of [corom, native]) {
        const { status, stdout, stderr } = command("embed", file, out, "-m", MODEL, "--force");
        assert.equal(status, 0, stderr);
        if (command === corom) assert.ok(stdout.includes(`${texts.length} vectors`), stdout);
        const lines = readFileSync(out, "utf8").split("\n").filter(Boolean);
        assert.deepEqual(lines.map((line) => JSON.parse(line).text), texts);
      }
    }
    writeFileSync(path.join(folder, "utf16.txt"), Buffer.from("ab\n", "utf16le"));
    const { stderr } = corom("rank", "裤", path.join(folder, "utf16.txt"), "-m", MODEL);
    assert.match(stderr, /^error\[INVALID_ARGUMENT\]: .*utf16\.txt: line 1 has NUL bytes; expected text in UTF-8; iconv -f UTF-16LE/);
  });

  test("rejects an output that would replace its input or a folder, and a table with two columns of a name", (t) => {
    const folder = scratch(t);
    const input = path.join(folder, "in.jsonl");
    writeFileSync(input, '{"text":"a"}\n');
    writeFileSync(path.join(folder, "in.tsv"), "id\ta\tid\n1\t2\t3\n");
    symlinkSync(input, path.join(folder, "link.jsonl"));
    mkdirSync(path.join(folder, "folder.npy"));
    for (const [from, to, status, words, ...options] of [
      ["in.jsonl", "../" + path.basename(folder) + "/in.jsonl", 2, /same file/],
      ["in.jsonl", "link.jsonl", 2, /same file/],
      ["in.jsonl", "folder.npy", 1, /INVALID_ARGUMENT.*is a folder/],
      ["in.jsonl", "nowhere/out.npy", 1, /FETCH_FAILED.*cannot be written/],
      ["in.tsv", "out.jsonl", 2, /`id` twice/, "--header", "--column", "a"],
    ]) {
      const run = corom("embed", `${folder}/${from}`, `${folder}/${to}`, "-m", MODEL, "--force", ...options);
      assert.equal(run.status, status, run.stderr);
      assert.match(run.stderr, words);
    }
    assert.equal(readFileSync(input, "utf8"), '{"text":"a"}\n');
    assert.deepEqual(readdirSync(folder).sort(), ["folder.npy", "in.jsonl", "in.tsv", "link.jsonl"]);
  });

  test("says once that standard output cannot be written", (t) => {
    const input = path.join(scratch(t), "in.txt");
    writeFileSync(input, "裤\n".repeat(2000));
    const args = [COMMAND, "embed", input, "-", "-m", MODEL];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", openSync("/dev/full", "w"), "pipe"] });
    assert.equal(status, 1, stderr);
    assert.equal(stderr.match(/error\[/g)?.length, 1, stderr);
    assert.match(stderr, /error\[FETCH_FAILED\]: standard output cannot be written: .*ENOSPC/);
  });
});
