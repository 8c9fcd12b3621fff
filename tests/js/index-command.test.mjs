// `npx corom index`: the files and the output of the native command.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { ITEMS, SCHEMA } from "./support/catalogs.mjs";
import { COMMAND, corom, differingFiles, native, readFolder, scratch } from "./support/converter.mjs";
import { FIXTURES } from "./support/paths.mjs";

const MODEL = path.join(FIXTURES, "bits/int8");
const COMMANDS = ["native", "npx"];

/** Runs a command line of both commands, each on a catalog of its own. Returns a function that compares the catalogs. */
function pair(t) {
  const folder = scratch(t);
  const write = (name, value) => {
    const file = path.join(folder, name);
    writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
    return file;
  };
  const catalogOf = (command) => path.join(folder, `${command}-catalog`);
  /** Runs `corom index`; the argument "CATALOG" is the command's own catalog. Returns what both printed. */
  const run = (...args) => {
    const printed = COMMANDS.map((command) => {
      const own = args.map((argument) => (argument === "CATALOG" ? catalogOf(command) : argument));
      const { status, stdout, stderr } = (command === "native" ? native : corom)("index", ...own);
      const plain = (text) => text.replaceAll(catalogOf(command), "CATALOG");
      return { status, stdout: plain(stdout), stderr: plain(stderr) };
    });
    assert.deepEqual([printed[1].status, printed[1].stdout], [printed[0].status, printed[0].stdout], `${args.join(" ")}: ${printed[1].stderr}`);
    return printed;
  };
  const compare = () => {
    const [a, b] = COMMANDS.map((command) => readFolder(catalogOf(command)));
    assert.deepEqual(differingFiles(a, b), []);
    assert.ok(a.has("catalog.json") && a.size >= 3);
    return JSON.parse(a.get("catalog.json"));
  };
  return { folder, write, run, compare, catalogOf };
}

const lines = (items) => items.map((item) => JSON.stringify(item)).join("\n");

describe("corom index", () => {
  test("writes the bytes and prints the words of the native command", (t) => {
    const { write, run, compare } = pair(t);
    const items = write("items.jsonl", `${lines(ITEMS.slice(0, 60))}\n\n{"id": 9007199254740993, "title": "大数字", "url": 1e2}\n`);
    const schema = write("schema.json", SCHEMA);
    const synonyms = write("synonyms.txt", "肯德基,KFC\n裤子，长裤\n");
    run("build", items, "CATALOG", "--schema", schema, "-m", MODEL, "--synonyms", synonyms, "--codes", "yes");
    assert.equal(compare().files.length, 1);
    run("add", "CATALOG", write("new.jsonl", lines(ITEMS.slice(58, 70))), "-m", MODEL, "--text", "title");
    run("patch", "CATALOG", write("patch.json", { p5: { price: 1.5, shop: null }, p6: { tags: ["新"] } }));
    run("remove", "CATALOG", "p7", "p8");
    assert.equal(compare().files.length, 4);
    run("info", "CATALOG");
    run("export", "CATALOG");
    for (const request of [{ topK: 3 }, { explain: true, filter: { price: { lt: 300 } }, facets: [{ attribute: "shop" }] }]) {
      run("search", "CATALOG", "女 鞋", "--request", JSON.stringify(request));
    }
    run("search", "CATALOG", "裤子", "-m", MODEL);
    const few = JSON.parse(run("search", "CATALOG", "女", "--top-k", "2", "--request", '{"topK":5}')[1].stdout);
    assert.equal(few.hits.length, 2);
    run("compact", "CATALOG");
    assert.equal(compare().files.length, 1);
    run("build", items, "CATALOG", "--schema", schema, "--force");
    compare();
  });

  test("adds items with the field and prompt of those before", (t) => {
    const { write, run, compare } = pair(t);
    const items = write("items.jsonl", lines(ITEMS.slice(0, 9)));
    const more = write("more.jsonl", lines(ITEMS.slice(9, 12)));
    const own = ["--text", "brand", "--prompt", "品牌："];
    const build = (...options) => run("build", items, "CATALOG", "--schema", write("schema.json", SCHEMA), "--force", ...options);
    const added = (...options) => {
      build("-m", MODEL, ...own);
      run("add", "CATALOG", more, "-m", MODEL, ...options);
      return compare().files;
    };
    assert.deepEqual(added(), added(...own));
    const text = JSON.parse(/\{[^]*\}/.exec(run("info", "CATALOG")[1].stdout)[0]).vectors.text;
    assert.deepEqual(text, { field: "brand", prompt: "品牌：" });
    const refused = (parts, ...options) => {
      for (const { stderr } of run("add", "CATALOG", more, ...options)) {
        for (const part of ["error[INVALID_ARGUMENT]", ...parts]) assert.ok(stderr.includes(part), stderr);
      }
    };
    refused(["--text", '"brand"'], "-m", MODEL, "--text", "title");
    refused(["--prompt", "品牌："], "-m", MODEL, "--prompt", "");
    refused(["no prompt `passage`"], "-m", MODEL, "--prompt", "passage");
    assert.equal(compare().files.length, 2);
    build();
    refused(["--model", "no vectors"], "-m", MODEL);
    // Vectors whose texts are not known.
    const vectors = { ...SCHEMA, vectors: { dimension: 64, metric: "dot" } };
    const embedded = ITEMS.slice(0, 9).map((item, i) => ({ ...item, embedding: Array.from({ length: 64 }, (_, d) => Math.sin(i + d)) }));
    run("build", write("own.jsonl", lines(embedded)), "CATALOG", "--schema", write("own.json", vectors), "--force");
    for (const { stderr } of run("add", "CATALOG", more, "-m", MODEL)) {
      assert.match(stderr, /warning: the catalog does not say which texts [^]*"title" after the prompt ""/);
    }
    compare();
  });

  test("builds a catalog without items again with its first ones", (t) => {
    const { write, run, compare } = pair(t);
    const vectors = { dimension: 64, metric: "dot" };
    const schema = write("schema.json", { ...SCHEMA, vectors });
    const items = write("items.jsonl", lines(ITEMS.slice(0, 9)));
    const own = ["-m", MODEL, "--text", "brand", "--prompt", "品牌："];
    for (const [codes, ...options] of [["no"], ["auto", "--vectors", "1bit"]]) {
      run("build", items, "CATALOG", "--schema", schema, "--force", "--codes", codes, ...options, ...own);
      const expected = compare().files;
      run("build", write("empty.jsonl", ""), "CATALOG", "--schema", schema, "--force", "--codes", codes, ...options);
      for (const { stderr } of run("add", "CATALOG", items, ...own)) assert.doesNotMatch(stderr, /warning/);
      assert.deepEqual(compare().files, expected);
      for (const other of [["--text", "title"], ["--prompt", ""]]) {
        for (const { stderr } of run("add", "CATALOG", items, "-m", MODEL, ...other)) assert.match(stderr, /error\[INVALID_ARGUMENT\].*(品牌|brand)/);
      }
      run("add", "CATALOG", items, "-m", MODEL);
      assert.equal(compare().files.length, 2);
      run("remove", "CATALOG", ...ITEMS.slice(0, 9).map(({ id }) => id));
      run("add", "CATALOG", items, "-m", MODEL);
      assert.deepEqual(compare().files, expected);
    }
    for (const { stderr } of run("add", "CATALOG", write("none.jsonl", ""))) assert.match(stderr, /nothing to add/);
  });

  test("reads a table, and vectors of the caller's own", (t) => {
    const { write, run, compare } = pair(t);
    const rows = ITEMS.slice(0, 20).map((item, i) => [
      item.id,
      item.title.replaceAll("\t", " "),
      item.brand,
      item.price ?? "",
      item.stock,
      item.tags.join("|"),
      `[${[1, i, 2]}]`,
    ]);
    const table = [["id", "title", "brand", "price", "stock", "tags", "embedding"], ...rows].map((row) => row.join("\t")).join("\n");
    const schema = write("schema.json", { ...SCHEMA, vectors: { dimension: 3, metric: "l2" } });
    run("build", write("items.tsv", table), "CATALOG", "--schema", schema);
    compare();
    run("search", "CATALOG", "耐克");
    const quoted = rows.map((row) => row.map((cell) => `"${String(cell).replaceAll('"', '""')}"`).join(","));
    quoted[3] = quoted[3].replace(/^"([^"]*)","/, '"$1","两行,\r\n""引号"" ');
    const csv = write("items.csv", `id,title,brand,price,stock,tags,embedding\r\n\r\n${quoted.join("\r\n")}\r\n`);
    for (const vectors of ["int8", "int4", "1bit"]) {
      run("build", csv, "CATALOG", "--schema", schema, "--force", "--vectors", vectors);
      compare();
    }
    assert.match(run("search", "CATALOG", "引号")[1].stdout, /两行,\\r\\n\\"引号\\"/);
  });

  test("two programs that change a catalog wait for each other", async (t) => {
    const { write, run, catalogOf } = pair(t);
    run("build", write("items.jsonl", lines(ITEMS.slice(0, 9))), "CATALOG", "--schema", write("schema.json", SCHEMA));
    const catalog = catalogOf("npx");
    // A lock of a process that has ended does not count.
    writeFileSync(path.join(catalog, "catalog.writer"), JSON.stringify({ pid: spawnSync("true").pid, host: hostname() }));
    const patch = async (i) => {
      const file = write(`p${i}.json`, { p5: { price: i } });
      const [status] = await once(spawn(process.execPath, [COMMAND, "index", "patch", catalog, file], { stdio: "ignore" }), "close");
      assert.equal(status, 0);
    };
    await Promise.all([1, 2, 3, 4].map(patch));
    assert.equal(JSON.parse(readFileSync(path.join(catalog, "catalog.json"), "utf8")).files.length, 5);
    assert.ok(!existsSync(path.join(catalog, "catalog.writer")));
    assert.equal(corom("index", "export", catalog).status, 0);
  });

  test("reports errors with their code and place, and leaves the catalog as it is", (t) => {
    const { folder, write, run, compare, catalogOf } = pair(t);
    const schema = write("schema.json", SCHEMA);
    const items = write("items.jsonl", lines(ITEMS.slice(0, 9)));
    run("build", items, "CATALOG", "--schema", schema);
    const before = readFolder(catalogOf("npx"));
    for (const [args, code, ...words] of [
      [["build", items, "CATALOG", "--schema", schema], "INVALID_ARGUMENT", "--force"],
      [["build", items, path.join(folder, "other"), "--schema", write("bad.json", "{")], "INVALID_ARGUMENT", "bad.json"],
      [["build", write("bad.jsonl", '{"id":"a","price":"x"}'), path.join(folder, "other"), "--schema", schema], "INVALID_ARGUMENT", "line 1", "price"],
      [["build", items, folder, "--schema", schema], "INVALID_ARGUMENT", "neither empty nor a catalog"],
      [["build", write("bad.csv", 'id,title\na,"b\n'), path.join(folder, "other"), "--schema", schema], "INVALID_ARGUMENT", "quoted cell"],
      [["build", path.join(folder, "no.jsonl"), path.join(folder, "other"), "--schema", schema], "MISSING_FILE", "no.jsonl"],
      [["add", "CATALOG", write("none.jsonl", "")], "INVALID_ARGUMENT", "nothing"],
      [["patch", "CATALOG", write("p.json", { nobody: { price: 1 } })], "INVALID_ARGUMENT", "nobody"],
      [["patch", "CATALOG", write("p2.json", { p1: { prise: 1 } })], "INVALID_ARGUMENT", "prise"],
      [["patch", "CATALOG", write("p3.json", { id: "p1", price: 1 })], "INVALID_ARGUMENT", "p3.json", '{"ID": {'],
      [["patch", "CATALOG", path.join(folder, "no.json")], "MISSING_FILE", "no.json"],
      [["build", items, path.join(folder, "other"), "--schema", path.join(folder, "no.json")], "MISSING_FILE", "no.json"],
      [["build", items, path.join(folder, "other"), "--schema", schema, "--codes", "yes"], "INVALID_ARGUMENT", "codes", "no vectors"],
      [["build", items, path.join(folder, "other"), "--schema", schema, "--vectors", "1bit"], "INVALID_ARGUMENT", "--vectors", "no vectors"],
      [["build", items, path.join(folder, "other"), "--schema", schema, "--synonyms", write("words.txt", "a,b\n水壶、保温杯")], "INVALID_ARGUMENT", "words.txt", "line 2"],
      [["search", "CATALOG", "x", "--request", '{"query":"y"}'], "INVALID_ARGUMENT", "query", "argument"],
      [["remove", "CATALOG", "nobody"], "INVALID_ARGUMENT", "nobody"],
      [["search", "CATALOG", "x", "--request", '{"topk":1}'], "INVALID_ARGUMENT", "topk"],
      [["search", "CATALOG", "x", "-m", MODEL], "INVALID_ARGUMENT", "no vectors"],
      [["info", path.join(folder, "nowhere")], "MISSING_FILE", "catalog.json"],
    ]) {
      const printed = run(...args);
      for (const { status, stderr } of printed) {
        assert.equal(status, 1, args.join(" "));
        for (const word of [`error[${code}]`, ...words]) assert.ok(stderr.includes(word), `${word} is not in: ${stderr}`);
      }
    }
    assert.deepEqual(differingFiles(before, readFolder(catalogOf("npx"))), []);
    compare();
    for (const [args, ...words] of [
      [["index"], "build", "compact"],
      [["index", "biuld"], "index biuld", "build"],
      [["index", "build", items, "out"], "--schema is missing"],
      [["index", "remove", "out"], "ID is missing"],
      [["index", "build", "items.txt", "out", "--schema", schema], ".csv"],
      [["index", "build", items, "out", "--schema", schema, "--vectors", "2bit"], "int4"],
      [["index", "build", items, "out", "--schema", schema, "--threads", "2"], "--workers"],
      [["index", "add", "out", items, "--text", "title"], "--model"],
    ]) {
      const { status, stdout, stderr } = corom(...args);
      assert.deepEqual([status, stdout], [2, ""], args.join(" "));
      for (const word of words) assert.ok(stderr.includes(word), `${word} is not in: ${stderr}`);
    }
    assert.match(corom("index", "--help").stdout, /Usage: npx corom index COMMAND[^]* {2}compact /);
    for (const name of ["build", "remove"]) assert.match(corom("index", name, "--help").stdout, new RegExp(`Usage: npx corom index ${name} `));
    assert.match(corom("help", "index", "build").stdout, /--synonyms/);
    assert.ok(corom("--help").stdout.includes("  index "));
  });

  test("a file that a change left behind is deleted by the next one", (t) => {
    const { write, run, catalogOf } = pair(t);
    const items = write("items.jsonl", lines(ITEMS.slice(0, 9)));
    run("build", items, "CATALOG", "--schema", write("schema.json", SCHEMA));
    for (const name of ["0123456789abcdef.delta", "catalog.json.part"]) writeFileSync(path.join(catalogOf("npx"), name), "left");
    writeFileSync(path.join(catalogOf("npx"), "mine.txt"), "kept");
    assert.equal(corom("index", "remove", catalogOf("npx"), "p1").status, 0);
    const names = readdirSync(catalogOf("npx"));
    assert.equal(names.filter((name) => /\.(delta|part)$/.test(name)).length, 1, names.join(" "));
    assert.ok(existsSync(path.join(catalogOf("npx"), "mine.txt")));
    assert.equal(JSON.parse(readFileSync(path.join(catalogOf("npx"), "catalog.json"), "utf8")).files.length, 2);
  });
});
