// What `corom index` keeps of items, and the files of a catalog: of the native command and of `npx corom index`.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "node:test";
import { loadBinding } from "../../pkg/lib/cli/index/binding.js";
import { CatalogFolder } from "../../pkg/lib/cli/index/catalog-folder.js";
import { ITEMS, SCHEMA } from "./support/catalogs.mjs";
import { COMMAND, corom, differingFiles, native, readFolder, scratch } from "./support/converter.mjs";
import { failsWith } from "./support/corom.mjs";
import { promptModel } from "./support/prompt-models.mjs";

const KILLED_ROUNDS = 9;
const lines = (items) => items.map((item) => JSON.stringify(item)).join("\n");
const SPACE = { dimension: 8, metric: "cosine" };
const withVector = (item, i) => ({ ...item, embedding: Array.from({ length: 8 }, (_, at) => ((i * 7 + at * 3) % 11) - 5) });

/** Returns functions that write files into a folder of the test, and run a command on its catalog. */
function commandIn(t, command) {
  const folder = scratch(t);
  const catalog = path.join(folder, "catalog");
  const write = (name, value) => {
    const file = path.join(folder, name);
    writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
    return file;
  };
  const run = (...args) => command("index", ...args.map((argument) => (argument === "CATALOG" ? catalog : argument)));
  const succeeds = (...args) => {
    const { status, stdout, stderr } = run(...args);
    assert.equal(status, 0, stderr);
    return { stdout, stderr };
  };
  const fails = (args, code, ...words) => {
    const { status, stderr } = run(...args);
    assert.notEqual(status, 0, args.join(" "));
    for (const word of [code, ...words]) assert.ok(stderr.includes(word), `${word} is not in: ${stderr}`);
  };
  const names = () => JSON.parse(readFileSync(path.join(catalog, "catalog.json"), "utf8")).files;
  return { folder, catalog, write, run, succeeds, fails, names };
}

for (const [name, command] of [
  ["corom index", native],
  ["npx corom index", corom],
]) {
  describe(name, () => {
    test("adds items to a catalog that was built without any", (t) => {
      const { write, succeeds } = commandIn(t, command);
      const schema = write("schema.json", { ...SCHEMA, vectors: SPACE });
      succeeds("build", write("none.jsonl", ""), "CATALOG", "--schema", schema, "--vectors", "1bit");
      succeeds("add", "CATALOG", write("items.jsonl", lines(ITEMS.slice(0, 9).map(withVector))));
      succeeds("remove", "CATALOG", "p3");
      succeeds("compact", "CATALOG");
      assert.match(succeeds("info", "CATALOG").stdout, /^8 items/);
      assert.equal(JSON.parse(succeeds("search", "CATALOG", "").stdout).total, 8);
    });

    test("warns of names of the schema that no item has, and rejects a second copy of an attribute", (t) => {
      const { write, succeeds, fails } = commandIn(t, command);
      const items = write("items.jsonl", lines([{ id: "a", titel: "裤", price: 1 }]));
      const { stderr } = succeeds("build", items, "CATALOG", "--schema", write("schema.json", SCHEMA));
      for (const word of ["warning", "items.jsonl", 'field "title"', 'stored value "url"']) assert.ok(stderr.includes(word), stderr);
      assert.ok(!stderr.includes("price"), stderr);
      const whole = write("whole.jsonl", lines(ITEMS.slice(0, 9)));
      assert.equal(succeeds("build", whole, "CATALOG", "--schema", write("schema.json", SCHEMA), "--force").stderr, "");
      const copied = write("copied.json", { ...SCHEMA, stored: ["url", "price"] });
      fails(["build", items, "CATALOG", "--schema", copied, "--force"], "INVALID_ARGUMENT", "copied.json", '"price" is an attribute');
    });

    test("writes no file for a patch that changes nothing", (t) => {
      const { write, succeeds, names } = commandIn(t, command);
      succeeds("build", write("items.jsonl", lines(ITEMS.slice(0, 9))), "CATALOG", "--schema", write("schema.json", SCHEMA));
      const before = names();
      const same = Object.fromEntries(ITEMS.slice(0, 9).map(({ id, price, shop }) => [id, { price, shop }]));
      assert.match(succeeds("patch", "CATALOG", write("same.json", same)).stdout, /^0 bytes added/);
      assert.deepEqual(names(), before);
      succeeds("patch", "CATALOG", write("other.json", { ...same, p1: { price: 1000.5 } }));
      assert.equal(names().length, 2);
      assert.match(succeeds("export", "CATALOG").stdout, /"price":1000.5/);
    });

    test("rejects numbers that would be rounded", (t) => {
      const { write, succeeds, fails } = commandIn(t, command);
      const schema = write("schema.json", SCHEMA);
      for (const [row, ...words] of [
        ['{"id":"a","price":9007199254740993}', '"a"', "price", "strings"],
        ['{"id":"a","url":{"sku":9007199254740993}}', '"a"', "url", "strings"],
        ['{"id":12345678901234567890123}', "id", "string"],
      ]) {
        fails(["build", write("bad.jsonl", row), "CATALOG", "--schema", schema], "INVALID_ARGUMENT", "line 1", ...words);
      }
      const items = write("items.jsonl", '{"id":18446744073709551615,"title":"裤","price":9007199254740991}');
      succeeds("build", items, "CATALOG", "--schema", schema);
      assert.match(succeeds("export", "CATALOG").stdout, /"id":"18446744073709551615"[^]*"price":9007199254740991/);
      fails(["patch", "CATALOG", write("p.json", '{"18446744073709551615":{"price":1e17}}')], "INVALID_ARGUMENT", "strings");
      const request = '{"filter":{"price":9007199254740993}}';
      fails(["search", "CATALOG", "裤", "--request", request], "INVALID_ARGUMENT", "filter.price", "strings");
    });

    test("reads items from standard input", (t) => {
      const { catalog, write, succeeds } = commandIn(t, command);
      const schema = write("schema.json", SCHEMA);
      const program = command === native ? [path.join("..", "..", "target/debug/corom")] : [process.execPath, COMMAND];
      const input = lines(ITEMS.slice(0, 9));
      const args = [...program.slice(1), "index", "build", "-", catalog, "--schema", schema];
      const { status, stderr } = spawnSync(program[0], args, { input, encoding: "utf8", cwd: import.meta.dirname });
      assert.equal(status, 0, stderr);
      const found = readFolder(catalog);
      succeeds("build", write("items.jsonl", input), "CATALOG", "--schema", schema, "--force");
      assert.deepEqual(differingFiles(found, readFolder(catalog)), []);
    });

    test("browses for an empty query, with a model too", (t) => {
      const { folder, write, succeeds } = commandIn(t, command);
      const model = promptModel(folder, "other-default");
      const items = write("items.jsonl", lines(ITEMS.slice(0, 20)));
      succeeds("build", items, "CATALOG", "--schema", write("schema.json", SCHEMA), "-m", model);
      const { mode, total } = JSON.parse(succeeds("search", "CATALOG", " ", "-m", model).stdout);
      assert.deepEqual([mode, total], ["browse", 20]);
    });
  });
}

test("both commands embed items after the model's prompt for documents", (t) => {
  const [a, b] = [native, corom].map((command) => {
    const { folder, catalog, write, succeeds } = commandIn(t, command);
    const model = promptModel(folder, "query-and-document");
    const items = write("items.jsonl", lines(ITEMS.slice(0, 20)));
    succeeds("build", items, "CATALOG", "--schema", write("schema.json", SCHEMA), "-m", model, "--codes", "yes");
    const files = readFolder(catalog);
    files.delete("catalog.lock");
    const { hits } = JSON.parse(succeeds("search", "CATALOG", "女鞋", "-m", model).stdout);
    return [files, JSON.stringify(hits)];
  });
  assert.deepEqual(differingFiles(a[0], b[0]), []);
  assert.equal(a[1], b[1]);
});

test("a file that cannot be read is not listed", async (t) => {
  const { catalog, write, succeeds } = commandIn(t, corom);
  succeeds("build", write("items.jsonl", lines(ITEMS.slice(0, 9))), "CATALOG", "--schema", write("schema.json", SCHEMA));
  const instance = await loadBinding();
  const opened = () => {
    const folder = CatalogFolder.open(catalog);
    return { folder, current: folder.read(instance) };
  };
  const delta = (current, id) => instance.call(({ removalsOf }) => removalsOf(current, [id]));
  const before = readFolder(catalog);
  const first = opened();
  const other = delta(first.current, "p1");
  first.folder.append(instance, first.current, delta(first.current, "p2"));
  cpSync(catalog, `${catalog}-2`, { recursive: true });
  const after = readFolder(catalog);
  assert.notEqual(differingFiles(before, after).length, 0);
  const damaged = Uint8Array.from(other);
  damaged[damaged.length - 1] ^= 1;
  for (const file of [other, damaged, other.subarray(0, -1)]) {
    const { folder, current } = opened();
    await failsWith("INTERNAL", async () => folder.append(instance, current, file), "stays as it was");
    await failsWith("INTERNAL", async () => folder.replace(instance, file, ["url"]), "stays as it was");
    assert.deepEqual(differingFiles(after, readFolder(catalog)), []);
  }
});

// The native command is killed in tests/index/killed.rs.
test("a change of npx corom index that is killed leaves the old or the new state", async (t) => {
  const { folder, catalog, write, succeeds } = commandIn(t, corom);
  succeeds("build", write("items.jsonl", lines(ITEMS.slice(0, 60))), "CATALOG", "--schema", write("schema.json", SCHEMA));
  const start = (args) => spawn(process.execPath, [COMMAND, "index", ...args], { stdio: "ignore" });
  const changes = [
    ["add", catalog, write("more.jsonl", lines(ITEMS.slice(50, 120)))],
    ["remove", catalog, "p3", "p4"],
    ["patch", catalog, write("patch.json", JSON.stringify({ p5: { price: 5 } }))],
    ["compact", catalog],
    ["build", write("other.jsonl", lines(ITEMS.slice(0, 5))), catalog, "--schema", path.join(folder, "schema.json"), "--force"],
  ];
  const states = [succeeds("export", "CATALOG").stdout];
  let longest = 0;
  for (const [at, args] of changes.entries()) {
    cpSync(catalog, path.join(folder, `state${at}`), { recursive: true });
    const started = performance.now();
    await once(start(args), "close");
    longest = Math.max(longest, performance.now() - started);
    states.push(succeeds("export", "CATALOG").stdout);
  }
  assert.equal(new Set(states).size, changes.length); // compact changes no item
  let killed = 0;
  for (let round = 0; round < KILLED_ROUNDS; round++) {
    const at = round % changes.length;
    rmSync(catalog, { recursive: true });
    cpSync(path.join(folder, `state${at}`), catalog, { recursive: true });
    const child = start(changes[at]);
    const closed = once(child, "close");
    await delay((longest * (round + 1)) / KILLED_ROUNDS);
    killed += Number(child.kill("SIGKILL"));
    await closed;
    const state = succeeds("export", "CATALOG").stdout;
    assert.ok([states[at], states[at + 1]].includes(state), `${changes[at]} in round ${round}`);
    if (state === states[at + 1]) continue;
    await once(start(changes[at]), "close");
    assert.equal(succeeds("export", "CATALOG").stdout, states[at + 1]);
  }
  assert.ok(killed >= KILLED_ROUNDS / 3, `only ${killed} processes were still at work`);
});
