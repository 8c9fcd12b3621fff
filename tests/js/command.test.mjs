// The command of the package, `npx corom`: usage, every command, signals.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { before, describe, test } from "node:test";
import { COMMAND, corom, native, readFolder, differingFiles, scratch } from "./support/converter.mjs";
import { Corom, CoromReranker, maxAbs } from "./support/corom.mjs";
import { FIXTURES, PKG, readJson } from "./support/paths.mjs";
import { TRAINED, rerankerGolden, sigmoid } from "./support/rerankers.mjs";

const MODEL = path.join(FIXTURES, "bits/int8");
const CHECKPOINT = path.join(FIXTURES, "checkpoints/wide");
const TEXTS = ["阔腿裤女冬牛仔", "", "耳机\twireless", "手机 256GB"];
let vectors;

before(async () => {
  const model = await Corom.load(MODEL);
  vectors = await model.embed(TEXTS);
  model.free();
});

/** Starts the command, and sends a signal when its output matches `when`. Resolves to `{ status, output }`. */
function interrupted(args, when, name) {
  const child = spawn(process.execPath, [COMMAND, ...args]);
  let output = "";
  let isSent = false;
  const collect = (chunk) => {
    output += chunk;
    // A second signal would end the process at once.
    if (!isSent && when.test(output)) isSent = child.kill(name);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  return new Promise((resolve) => child.on("close", (status, signal) => resolve({ status, signal, output })));
}

describe("corom", () => {
  test("prints its help, examples of every command, and its version", () => {
    const overview = corom("--help");
    assert.deepEqual([overview.status, overview.stderr], [0, ""]);
    for (const name of ["convert", "inspect", "verify", "embed", "rank", "rerank", "serve"]) {
      assert.ok(overview.stdout.includes(`  ${name} `), name);
      const { status, stdout } = corom(name, "--help");
      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`Usage: npx corom ${name} [^]*\\n  npx corom ${name} `));
      assert.ok(stdout.split("\n").every((line) => line.length <= 110), stdout);
    }
    assert.equal(corom("--version").stdout, `corom ${readJson(path.join(PKG, "package.json")).version}\n`);
  });

  test("exits with 2 and the usage for wrong arguments", () => {
    for (const [args, ...words] of [
      [[], "Commands:"],
      [["convrt"], "convrt", "did you mean convert?", "Commands:"],
      [["train"], "`train` is not a command\n"],
      [["convert", CHECKPOINT], "OUT is missing"],
      [["convert", CHECKPOINT, "out", "more"], "more"],
      [["convert", CHECKPOINT, "out", "--dtype", "int3"], "int3", "f32, int8, int4"],
      [["convert", CHECKPOINT, "out", "--pooling", "cls,mid"], "mid"],
      [["convert", CHECKPOINT, "out", "--normalize=maybe"], "maybe"],
      [["convert", CHECKPOINT, "out", "--max-length", "1"], "from 2"],
      [["convert", CHECKPOINT, "out", "--dtpe", "f32"], "dtpe"],
      [["embed", "in.txt", "out.npy"], "--model is missing"],
      [["embed", "in.csv", "out.npy", "-m", MODEL], "CSV"],
      [["embed", "in.txt", "out.csv", "-m", MODEL], ".npy"],
      [["rank", "a", "in.txt", "-m", MODEL, "--top-k", "0"], "from 1"],
      [["rerank", "a", "in.txt"], "--model is missing"],
      [["rerank", "a", "in.txt", "-m", MODEL, "--metric", "dot"], "--metric"],
      [["rank", "-折扣", "in.txt", "-m", MODEL], '-- "-折扣"'],
      [["serve", "a", "b"], "b"],
    ]) {
      const { status, stdout, stderr } = corom(...args);
      assert.deepEqual([status, stdout], [2, ""], args.join(" "));
      for (const word of words) assert.ok(stderr.includes(word), `${word} is not in: ${stderr}`);
    }
  });

  test("exits with 1, the code and the message of an error", () => {
    const { status, stdout, stderr } = corom("convert", path.join(FIXTURES, "nowhere"), "out");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.equal(stderr, native("convert", path.join(FIXTURES, "nowhere"), "out").stderr);
    const unknown = corom("convert", path.join(FIXTURES, "refused/unknown-operator"), "out", "--pooling", "cls");
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /^error\[UNSUPPORTED_\w+\]: .*\n {2}the native command .* tract-onnx/);
    const missing = corom("embed", "nowhere.txt", "out.npy", "-m", MODEL);
    assert.match(missing.stderr, /^error\[MISSING_FILE\]: nowhere\.txt /);
    assert.deepEqual([missing.status, existsSync("out"), existsSync("out.npy")], [1, false, false]);
  });
});

describe("corom convert and inspect", () => {
  test("take the options and write the bytes and lines of the native command", (t) => {
    const folder = scratch(t);
    const [mine, theirs] = ["mine", "theirs"].map((name) => path.join(folder, name));
    const options = ["--dtype", "int4", "--pooling", "cls,mean", "--max-length", "24", "--normalize", "--from", "checkpoint"];
    const run = corom("convert", CHECKPOINT, mine, ...options);
    assert.equal(run.status, 0, run.stderr);
    const other = native("convert", CHECKPOINT, theirs, ...options);
    assert.deepEqual(differingFiles(readFolder(mine), readFolder(theirs)), []);
    const lines = (text, name) => text.replaceAll(name, "OUT").replace(/, [\d.]+ s\n/, "\n").replace(/ {2}(no )?second opinion.*\n/, "");
    assert.equal(lines(run.stdout, mine), lines(other.stdout, theirs));
    for (const check of [[], ["--check"]]) {
      const inspected = corom("inspect", mine, ...check).stdout;
      assert.equal(lines(inspected, mine), lines(native("inspect", theirs, ...check).stdout, theirs));
    }
    assert.equal(corom("convert", CHECKPOINT, mine).status, 1);
    assert.equal(corom("convert", CHECKPOINT, mine, "--force", "--normalize=false").status, 0);
    assert.equal(readJson(path.join(mine, "corom.json")).normalize, false);
  });
});

describe("corom inspect", () => {
  test("shows a folder whose graph runs unfused as the native command does", () => {
    const folder = path.join(FIXTURES, "relatives/mpnet-dynamo");
    const run = corom("inspect", folder);
    assert.deepEqual([run.status, run.stderr], [0, ""]);
    assert.match(run.stdout, / {2}runs {10}unfused in f32\n/);
    assert.equal(run.stdout, native("inspect", folder).stdout);
  });
});

describe("corom verify", () => {
  test("prints the native command's lines for a model that agrees, and for one that does not", async (t) => {
    const folder = scratch(t);
    const [ranking, numbers] = [path.join(folder, "ranking"), path.join(folder, "numbers.json")];
    assert.equal(corom("convert", TRAINED, ranking).status, 0);
    const [pair] = rerankerGolden("trained").pairs.slice(-1);
    const write = (score, more = []) => {
      const ranked = { name: "trained", task: "rerank", query: pair.query, texts: [pair.document], scores: [score] };
      const embedded = { name: "small", task: "embed", texts: TEXTS.slice(0, 2), vectors: [{ first: [...vectors.row(0).slice(0, 2)], last: [vectors.row(0).at(-1)] }] };
      writeFileSync(numbers, JSON.stringify({ examples: [ranked, embedded, ...more] }));
    };
    const both = (...args) => {
      const [mine, theirs] = [corom("verify", ...args), native("verify", ...args)];
      assert.deepEqual([mine.status, mine.stdout, mine.stderr], [theirs.status, theirs.stdout, theirs.stderr]);
      return mine;
    };
    write(Math.fround(sigmoid(pair.logit)));
    assert.match(both(ranking, "--numbers", numbers).stdout, /all 1 numbers agree, within 0\.001/);
    assert.match(both(MODEL, "--numbers", numbers).stdout, /all 3 numbers agree, within 0\.05/);
    write(0.25);
    assert.match(both(ranking, "--numbers", numbers).stderr, /^error\[SELF_TEST_FAILED\]: 1 of 1 numbers/);
    assert.match(both(ranking).stderr, /^error\[INVALID_ARGUMENT\]: there are no printed numbers .* hidden size 64; known are CoROM/);
    write(0.25, [{ name: "wrong", task: "rerank", texts: ["a"], scores: [1] }]);
    assert.match(both(ranking, "--numbers", numbers).stderr, /"wrong" contradicts itself/);
    writeFileSync(numbers, '{"examples":[{"name":"x","task":"sort","texts":[]}]}');
    assert.match(corom("verify", ranking, "--numbers", numbers).stderr, /^error\[INVALID_ARGUMENT\]: .* is not a file of numbers/);
    assert.match(corom("verify", ranking, "--numbers", path.join(folder, "no.json")).stderr, /^error\[MISSING_FILE\]/);
    write(0.25, [{ name: "none", task: "embed", texts: ["a"], vectors: [{ first: [] }] }]);
    assert.match(both(ranking, "--numbers", numbers).stderr, /"none" has no numbers/);
    writeFileSync(numbers, `\ufeff${JSON.stringify({ examples: [] })}`);
    assert.match(both(ranking, "--numbers", numbers).stderr, /has no examples/);
  });
});

describe("corom embed", () => {
  const run = (folder, name, contents, ...options) => {
    writeFileSync(path.join(folder, name), contents);
    return corom("embed", path.join(folder, name), path.join(folder, "out.npy"), "-m", MODEL, ...options);
  };
  const npy = (folder) => {
    const bytes = readFileSync(path.join(folder, "out.npy"));
    assert.match(bytes.toString("latin1", 0, 128), /^\x93NUMPY\x01\x00v\x00\{'descr': '<f4', 'fortran_order': False, 'shape': \(\d+, \d+\), \} *\n$/);
    const [rows, columns] = /\((\d+), (\d+)\)/.exec(bytes.toString("latin1", 0, 128)).slice(1).map(Number);
    return { rows, columns, data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + 128, bytes.byteOffset + bytes.length)) };
  };

  test("reads lines, a column and records, and writes the vectors of embed", (t) => {
    const folder = scratch(t);
    const expected = Array.from(vectors.data);
    const table = TEXTS.map((text, i) => `${i}\t${text.replace("\t", " ")}`).join("\r\n");
    const flat = TEXTS.map((text) => text.replace("\t", " "));
    for (const [name, contents, options, texts] of [
      ["a.txt", `\ufeff${TEXTS.join("\n")}\n`, [], TEXTS],
      ["a.tsv", `${table}\r\n`, ["--column", "2"], flat],
      ["c.tsv", TEXTS.map((text, i) => `${i}\t${text}`).join("\n"), ["--column", "2", "--columns", "2"], TEXTS],
      ["b.tsv", `id\ttitle\n${table}`, ["--header", "--column", "title"], flat],
      ["a.jsonl", TEXTS.map((text) => JSON.stringify({ title: text })).join("\n\n"), ["--field", "title", "--workers", "2"], TEXTS],
      ["b.data", TEXTS.map((text) => JSON.stringify(text)).join("\n"), ["--input", "jsonl"], TEXTS],
    ]) {
      const { status, stdout, stderr } = run(folder, name, contents, ...options, "--force");
      assert.equal(status, 0, stderr);
      assert.match(stdout, /4 vectors of \d+ numbers[^]*1 texts are empty/);
      const { rows, columns, data } = npy(folder);
      assert.deepEqual([rows, columns], [texts.length, vectors.dimension]);
      if (texts === TEXTS) assert.deepEqual(Array.from(data), expected, name);
      else assert.ok(maxAbs(data.subarray(0, columns), vectors.row(0)) === 0, name);
    }
    assert.equal(run(folder, "empty.txt", "", "--force").status, 0);
    assert.deepEqual([npy(folder).rows, npy(folder).columns], [0, vectors.dimension]);
  });

  test("writes JSONL whose numbers read back as the same floats, and keeps a record's fields", (t) => {
    const folder = scratch(t);
    const out = path.join(folder, "out.jsonl");
    writeFileSync(path.join(folder, "in.jsonl"), TEXTS.map((text, id) => JSON.stringify({ id, text })).join("\n"));
    const { status, stderr } = corom("embed", path.join(folder, "in.jsonl"), out, "-m", MODEL);
    assert.equal(status, 0, stderr);
    const records = readFileSync(out, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(records.map(({ id, text }) => [id, text]), TEXTS.map((text, id) => [id, text]));
    records.forEach(({ embedding }, i) => assert.deepEqual(Float32Array.from(embedding), vectors.row(i)));
  });

  test("rejects what is in doubt, names the line, and writes nothing", (t) => {
    const folder = scratch(t);
    for (const [name, contents, options, status, ...words] of [
      ["a.txt", Buffer.from([0x61, 0x0a, 0xb0, 0xd7, 0xcd, 0xc8, 0x0a]), [], 1, "line 2", "UTF-8", "iconv"],
      ["b.txt", Buffer.from("\ufeffab", "utf16le"), [], 1, "UTF-8"],
      ["a.tsv", "1\ta\n2\tb", [], 2, "2 columns", "--column"],
      ["b.tsv", "1\ta\n2", ["--column", "2"], 1, "line 2", "1 column"],
      ["d.tsv", "1\ta\n2\tb\tc", ["--column", "2"], 1, "line 2", "3 columns", "--columns 2"],
      ["e.tsv", "a\nb\tc", [], 1, "line 2", "2 columns", "--columns 1"],
      ["d.txt", "a", ["--columns", "2"], 2, "--columns"],
      ["c.tsv", "id\ttitle\n1\ta", ["--header", "--column", "name"], 2, "id, title"],
      ["a.jsonl", '{"text":"a"}\n{"title":"b"}', [], 1, "line 2", "title", "--field"],
      ["b.jsonl", '{"text":"a"}\n{"text":', [], 1, "line 2", "JSON"],
      ["c.jsonl", '{"text":7}', [], 1, "line 1", "number"],
    ]) {
      const got = run(folder, name, contents, ...options);
      assert.equal(got.status, status, `${name}: ${got.stderr}`);
      for (const word of words) assert.ok(got.stderr.includes(word), `${name}: ${word} is not in: ${got.stderr}`);
    }
    assert.ok(readdirSync(folder).every((name) => !/out|corom/.test(name)), String(readdirSync(folder)));
    assert.equal(run(folder, "a.txt", "a").status, 0);
    assert.match(run(folder, "a.txt", "b").stderr, /INVALID_ARGUMENT.*--force/);
  });
});

describe("corom rank", () => {
  test("prints the best texts of rank, over several batches", async (t) => {
    const folder = scratch(t);
    const texts = Array.from({ length: 600 }, (_, i) => `${TEXTS[i % 4] || "裙"} ${i % 7} ${"裤".repeat(i % 5)}`.replace("\t", " "));
    writeFileSync(path.join(folder, "in.txt"), texts.join("\n"));
    const model = await Corom.load(MODEL);
    for (const metric of ["cosine", "l2"]) {
      const expected = await model.rank("阔腿裤", texts, { topK: 5, metric });
      const args = ["rank", "阔腿裤", path.join(folder, "in.txt"), "-m", MODEL, "-k", "5", "--metric", metric];
      const rows = corom(...args, "--json").stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.deepEqual(rows.map(({ rank, line, text }) => [rank, line, text]), expected.map(({ index, text }, i) => [i + 1, index + 1, text]));
      rows.forEach(({ score }, i) => assert.ok(Math.abs(score - expected[i].score) < 1e-6));
      assert.equal(corom(...args).stdout.trimEnd().split("\n").length, 5);
    }
    model.free();
  });
});

describe("corom rerank", () => {
  test("prints the best texts of rerank", async (t) => {
    const folder = scratch(t);
    const ranking = path.join(folder, "ranking");
    const converted = corom("convert", TRAINED, ranking, "--dtype", "int8");
    assert.equal(converted.status, 0, converted.stderr);
    const texts = [...new Set(rerankerGolden("trained").pairs.map(({ document }) => document))]
      .filter((text) => !/[\n\0\t]/.test(text))
      .slice(-80);
    writeFileSync(path.join(folder, "in.txt"), texts.join("\n"));
    const reranker = await CoromReranker.load(ranking);
    const expected = await reranker.rerank("连衣裙 加厚", texts, { topK: 5 });
    reranker.free();
    const args = ["rerank", "连衣裙 加厚", path.join(folder, "in.txt"), "-m", ranking, "-k", "5"];
    const { status, stdout, stderr } = corom(...args, "--json");
    assert.equal(status, 0, stderr);
    const rows = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(rows.map(({ rank, line, text }) => [rank, line, text]), expected.map(({ index, text }, i) => [i + 1, index + 1, text]));
    rows.forEach(({ score, logit }, i) => assert.deepEqual([score, logit], [expected[i].score, expected[i].logit]));
    assert.match(corom(...args).stdout, new RegExp(`^ {2}1 {2}${expected[0].score.toFixed(4)} {2}`));
    const wrong = corom("rank", ...args.slice(1));
    assert.match(wrong.stderr, /^error\[UNSUPPORTED_MODEL\]: .*CoromReranker\n {2}the command for this model is rerank\n$/);
    const other = corom(...args.map((arg) => (arg === ranking ? MODEL : arg)));
    assert.match(other.stderr, /^error\[UNSUPPORTED_MODEL\]: .*\n {2}the command for this model is rank, or embed\n$/);
  });
});

describe("a signal", () => {
  test("ends a conversion and an embedding with its status, and leaves nothing", async (t) => {
    const folder = scratch(t);
    const big = path.join(folder, "big.txt");
    writeFileSync(big, "阔腿裤女冬牛仔".repeat(4).concat("\n").repeat(200_000));
    const embed = await interrupted(["embed", big, path.join(folder, "out.npy"), "-m", MODEL], /embedding/, "SIGTERM");
    assert.deepEqual([embed.status, /nothing was written/.test(embed.output)], [143, true], embed.output);
    const many = path.join(folder, "checkpoint");
    mkdirSync(many);
    for (const [name, bytes] of readFolder(CHECKPOINT)) writeFileSync(path.join(many, name), bytes);
    const started = spawn(process.execPath, [COMMAND, "convert", many, path.join(folder, "model")]);
    // The command is interrupted as soon as its temporary folder appears, or when it is done.
    const watch = setInterval(() => readdirSync(folder).some((name) => name.startsWith(".")) && started.kill("SIGINT"), 1);
    const status = await new Promise((resolve) => started.on("close", resolve));
    clearInterval(watch);
    assert.ok([0, 130].includes(status), String(status));
    const left = readdirSync(folder).filter((name) => !["big.txt", "checkpoint"].includes(name));
    assert.deepEqual(left, status === 0 ? ["model"] : []);
  });

  test("that cannot be caught leaves a folder, which the next conversion to its target deletes", (t) => {
    const folder = scratch(t);
    const [target, other] = [path.join(folder, "model"), path.join(folder, "other")];
    const { pid } = spawnSync(process.execPath, ["-e", ""]); // it has ended
    const host = hostname().replace(/[^\w.]/g, "_");
    const make = (name) => {
      mkdirSync(path.join(folder, name));
      writeFileSync(path.join(folder, name, "corom.json"), name);
      return name;
    };
    const stale = make(`.model.corom-${host}-${pid}-abc`);
    const staleOld = make(`.model.corom-${host}-${pid}-abd.old`);
    const kept = [
      make(`.model.corom-${host}-${process.pid}-abc`), // it runs
      make(`.model.corom-elsewhere-${pid}-abc`), // of another machine
      make(`.other.corom-${host}-${pid}-abc.old`), // of another target
      make(`.model.corom-${host}-${pid}-abc.backup`),
    ];
    // The target is not there: what a killed process was replacing gets its name back.
    assert.match(corom("convert", CHECKPOINT, target).stderr, /exists already/);
    assert.equal(readFileSync(path.join(target, "corom.json"), "utf8"), staleOld);
    assert.deepEqual(readdirSync(folder).toSorted(), [...kept, "model"].toSorted(), stale);
    const again = make(`.model.corom-${host}-${pid}-abe.old`);
    assert.equal(corom("convert", CHECKPOINT, target, "--force").status, 0);
    assert.deepEqual(readdirSync(folder).toSorted(), [...kept, "model"].toSorted(), again);
    assert.ok(readFileSync(path.join(target, "corom.json"), "utf8").includes("corom-model"));
    assert.match(corom("convert", CHECKPOINT, other).stderr, /exists already/);
  });

  test("ends the demo's server", async () => {
    const { status, output } = await interrupted(["serve", MODEL, "--port", "0"], /The demo is at http/, "SIGINT");
    assert.match(output, /http:\/\/127\.0\.0\.1:\d+\//);
    assert.equal(status, 0);
  });
});
