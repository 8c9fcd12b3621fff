// What is in the package, what it exports, and that an import does nothing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CODES } from "../../pkg/lib/errors.js";
import "./support/corom.mjs"; // says so when the package was not built
import { PKG, ROOT, readJson } from "./support/paths.mjs";

const manifest = readJson(path.join(PKG, "package.json"));
const library = readdirSync(path.join(PKG, "lib"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(PKG, path.join(entry.parentPath ?? entry.path, entry.name)));
const sources = [
  "browser.js",
  "node.js",
  "worker.js",
  "worker-node.js",
  "worker-thread.js",
  "worker-thread-node.js",
  ...library,
];
const read = (name) => readFileSync(path.join(PKG, name), "utf8");

test("the tarball has the files that it should have, and no others", () => {
  const { status, stdout, stderr } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: PKG,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const [{ files }] = JSON.parse(stdout);
  const expected = [
    ...sources,
    "index.d.ts",
    "worker.d.ts",
    "package.json",
    "README.md",
    "LICENSE",
    "wasm/corom.js",
    "wasm/corom.wasm",
    "wasm/corom-relaxed.wasm",
  ];
  assert.deepEqual(files.map((file) => file.path).sort(), expected.sort());
});

test("it depends on nothing and is ESM without side effects", () => {
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "scripts"])
    assert.equal(manifest[field], undefined, field);
  assert.deepEqual([manifest.type, manifest.sideEffects, manifest.license], ["module", false, "Apache-2.0"]);
  assert.equal(read("LICENSE"), readFileSync(path.join(ROOT, "LICENSE"), "utf8"));
  assert.match(
    readFileSync(path.join(ROOT, "Cargo.toml"), "utf8"),
    new RegExp(`^version = "${manifest.version}"$`, "m"),
  );
});

test("the exports map: types first, every target there", () => {
  assert.deepEqual(Object.keys(manifest.exports["."]), ["types", "node", "browser", "default"]);
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of targets) assert.ok(existsSync(path.join(PKG, target)), target);
  for (const [name, file] of [
    ["corom", "node.js"],
    ["corom/worker", "worker-node.js"],
    ["corom/worker-thread", "worker-thread.js"],
    ["corom/corom.wasm", "wasm/corom.wasm"],
    ["corom/corom-relaxed.wasm", "wasm/corom-relaxed.wasm"],
    ["corom/package.json", "package.json"],
  ]) {
    assert.equal(fileURLToPath(import.meta.resolve(name)), path.join(PKG, file));
  }
  for (const inner of ["corom/lib/corom.js", "corom/node.js"]) {
    assert.throws(() => import.meta.resolve(inner), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
  }
});

test("importing an entry fetches, reads, compiles and starts nothing", () => {
  const program = `
    const seen = [];
    const watch = (object, name, label = name) => { const was = object[name]; object[name] = function (...a) { seen.push(label); return Reflect.apply(was, this, a); }; };
    for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate", "MessageChannel"]) watch(globalThis, name);
    for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "validate", "Module", "Instance", "Memory"]) watch(WebAssembly, name);
    const names = new Set(Object.getOwnPropertyNames(globalThis));
    const entries = await Promise.all(process.argv.slice(1).map((url) => import(url)));
    const added = Object.getOwnPropertyNames(globalThis).filter((name) => !names.has(name));
    console.log(JSON.stringify({ seen, added, exports: entries.map((entry) => Object.keys(entry).sort()) }));`;
  const urls = ["node.js", "browser.js", "worker-node.js", "worker.js"].map((name) => new URL(`../../pkg/${name}`, import.meta.url).href);
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program, ...urls], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    seen: [],
    added: [],
    exports: Array(4).fill(["Corom", "CoromError"]),
  });
});

test("no code that a Content-Security-Policy forbids, no top-level await, no file too long", () => {
  for (const name of [...sources, "wasm/corom.js"]) {
    const text = read(name);
    assert.doesNotMatch(
      text,
      /\beval\s*\(|\bnew Function\b|createObjectURL|importScripts|^await\b|^(const|let) .*= await\b/m,
      name,
    );
    if (name !== "wasm/corom.js") assert.ok(text.split("\n").length <= 300, name);
  }
  for (const name of sources.filter((name) => !/node\.js$|source-folder\.js$/.test(name))) {
    assert.doesNotMatch(read(name), /["']node:/, `${name} must run in a browser`);
  }
});

test("the codes of errors are those of the Rust core and of the types", () => {
  const core = [...readFileSync(path.join(ROOT, "src/error.rs"), "utf8").matchAll(/=> "([A-Z_]+)"/g)].map(
    ([, code]) => code,
  );
  const elsewhere = ["ABORTED", "INVALID_CHECKPOINT"]; // an AbortSignal's reason; the native command
  const own = CODES.filter((code) => !core.includes(code));
  assert.deepEqual(own, core.includes("UNSUPPORTED_HOST") ? [] : ["UNSUPPORTED_HOST"]);
  assert.deepEqual(core.filter((code) => !CODES.includes(code)).sort(), elsewhere);
  const union = read("index.d.ts").match(/export type CoromErrorCode =([^;]+);/)[1];
  assert.deepEqual([...union.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code).sort(), [...CODES].sort());
});
