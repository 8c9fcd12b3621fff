// The package's manifest, exports and sources; an import has no side effects.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CODES } from "../../pkg/lib/errors.js";
import "./support/corom.mjs"; // fails with a hint if the package is not built
import { PKG, ROOT, readJson } from "./support/paths.mjs";

const manifest = readJson(path.join(PKG, "package.json"));
const sources = readdirSync(PKG, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => /^(lib\/.*|[^/]+)\.js$/.test(name));
const read = (name) => readFileSync(path.join(PKG, name), "utf8");
/** Files that pages never load: Node's entries and modules, Bun's entry. */
const NOT_FOR_PAGES = /^(node|bun|inline-node|worker-node|worker-thread-node|convert-node|convert-thread-node|search-node|search-bun|search-worker-node|search-worker-thread-node|lib\/((host|hash)-node|store-folder|source-folder|worker\/host-node|convert\/(host-node|folder-disk|staging-folder)|cli\/.*))\.js$/;

test("package.json has no dependencies, and names the command, the worker scripts and the element as the only side effects", () => {
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies"])
    assert.equal(manifest[field], undefined, field);
  assert.deepEqual(Object.keys(manifest.scripts), ["prepack"], "nothing runs on installation");
  assert.deepEqual([manifest.type, manifest.license], ["module", "Apache-2.0"]);
  const scripts = ["convert-thread", "convert-thread-node", "element", ...["search-worker-thread", "worker-thread"].flatMap((name) => [name, `${name}-node`])];
  assert.deepEqual(manifest.sideEffects, ["./bin/corom.js", ...scripts.map((name) => `./${name}.js`)]);
  assert.deepEqual(manifest.bin, { corom: "./bin/corom.js" });
  assert.equal(read("LICENSE"), readFileSync(path.join(ROOT, "LICENSE"), "utf8"));
  assert.match(
    readFileSync(path.join(ROOT, "Cargo.toml"), "utf8"),
    new RegExp(`^version = "${manifest.version}"$`, "m"),
  );
});

test("the exports map has types first, and every target exists", () => {
  const conditions = ["types", "workerd", "edge-light", "deno", "bun", "node", "browser", "default"];
  assert.deepEqual(Object.keys(manifest.exports["."]), conditions);
  const targets = Object.values(manifest.exports).flatMap((target) => {
    if (typeof target === "string") return [target];
    assert.deepEqual([Object.keys(target)[0], Object.keys(target).at(-1)], ["types", "default"]);
    return Object.values(target);
  });
  const packed = (target) => target.startsWith("./wasm/inline"); // written by npm pack: see ../packaging
  for (const target of targets) assert.ok(packed(target) || existsSync(path.join(PKG, target.replace("*", "nano/corom.json"))), target);
  for (const [name, file] of [
    ["corom", "node.js"],
    ["corom/inline", "inline-node.js"],
    ["corom/worker", "worker-node.js"],
    ["corom/hub", "hub.js"],
    ["corom/instantsearch", "instantsearch.js"],
    ["corom/ai", "ai.js"],
    ["corom/element", "element.js"],
    ["corom/modelscope", "modelscope.js"],
    ["corom/convert", "convert-node.js"],
    ["corom/search", "search-node.js"],
    ["corom/search-worker", "search-worker-node.js"],
    ["corom/search-worker-thread", "search-worker-thread-node.js"],
    ["corom/corom-convert.wasm", "wasm/corom-convert.wasm"],
    ["corom/corom-search.wasm", "wasm/corom-search.wasm"],
    ["corom/corom.wasm", "wasm/corom.wasm"],
    ["corom/corom-relaxed.wasm", "wasm/corom-relaxed.wasm"],
    ["corom/corom-unfused.wasm", "wasm/corom-unfused.wasm"],
    ["corom/package.json", "package.json"],
  ]) {
    assert.equal(fileURLToPath(import.meta.resolve(name)), path.join(PKG, file));
  }
  for (const inner of ["corom/lib/corom.js", "corom/node.js"]) {
    assert.throws(() => import.meta.resolve(inner), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" });
  }
});

test("tools that do not know exports find every .wasm file by a folder of its name", () => {
  for (const [name, target] of Object.entries(manifest.exports).filter(([name]) => name.endsWith(".wasm"))) {
    const { main } = readJson(path.join(PKG, name, "package.json"));
    assert.equal(path.posix.join(name, main), path.posix.normalize(target.default), name);
    assert.ok(manifest.files.includes(path.posix.join(name, "package.json")), name);
  }
});

test("importing an entry fetches, compiles and starts nothing, and adds no globals", () => {
  const program = `
    const seen = [];
    const watch = (object, name, label = name) => { const was = object[name]; object[name] = function (...a) { seen.push(label); return Reflect.apply(was, this, a); }; };
    for (const name of ["fetch", "setTimeout", "setInterval", "setImmediate", "MessageChannel"]) watch(globalThis, name);
    for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "validate", "Module", "Instance", "Memory"]) watch(WebAssembly, name);
    const names = new Set(Object.getOwnPropertyNames(globalThis));
    const entries = await Promise.all(process.argv.slice(1).map((url) => import(url)));
    const added = Object.getOwnPropertyNames(globalThis).filter((name) => !names.has(name));
    console.log(JSON.stringify({ seen, added, exports: entries.map((entry) => Object.keys(entry).sort()) }));`;
  const urls = ["node.js", "browser.js", "browser-legacy.js", "worker-node.js", "worker.js", "convert-node.js", "convert.js", "search-node.js", "search.js", "search-worker-node.js", "search-worker.js"].map((name) => new URL(`../../pkg/${name}`, import.meta.url).href);
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program, ...urls], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    seen: [],
    added: [],
    exports: [...Array(5).fill(["Corom", "CoromError", "CoromReranker", "Embeddings"]), ...Array(2).fill(["CoromError", "convert", "inspect"]), ...Array(2).fill(["Catalog", "CoromError", "cluster", "project2d"]), ...Array(2).fill(["Catalog", "CoromError"])],
  });
});

test("sources have no eval, no blob URLs, no top-level await, and at most 300 lines", () => {
  for (const name of [...sources, "wasm/corom.js"]) {
    const text = read(name);
    assert.doesNotMatch(
      text,
      /\beval\s*\(|\bnew Function\b|createObjectURL|importScripts|^await\b|^(const|let) .*= await\b/m,
      name,
    );
    if (name !== "wasm/corom.js") assert.ok(text.split("\n").length <= 300, name);
  }
  for (const name of sources.filter((name) => !NOT_FOR_PAGES.test(name))) {
    assert.doesNotMatch(read(name), /["']node:/, `${name} must run in a browser`);
  }
});

test("the error codes are those of the Rust core and of the types", () => {
  const core = [...readFileSync(path.join(ROOT, "src/error.rs"), "utf8").matchAll(/=> "([A-Z_]+)"/g)].map(
    ([, code]) => code,
  );
  const elsewhere = ["ABORTED"]; // an AbortSignal's reason replaces it
  const own = CODES.filter((code) => !core.includes(code));
  assert.deepEqual(own, core.includes("UNSUPPORTED_HOST") ? [] : ["UNSUPPORTED_HOST"]);
  assert.deepEqual(core.filter((code) => !CODES.includes(code)).sort(), elsewhere);
  const union = read("types/errors.d.ts").match(/export type CoromErrorCode =([^;]+);/)[1];
  assert.deepEqual([...union.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code).sort(), [...CODES].sort());
});

test("a page with its catalog in a worker loads no engine, and the worker no class", () => {
  const page = modulesOf("search-worker.js");
  for (const name of ["lib/search/engine.js", "lib/search/load.js", "lib/transfer.js", "lib/module.js", "wasm/corom-search.js"]) {
    assert.ok(!page.includes(name) && modulesOf("search-worker-thread.js").includes(name), name);
  }
  for (const name of ["lib/search/catalog.js", "lib/search/options.js", "lib/worker/connection.js"]) {
    assert.ok(page.includes(name) && !modulesOf("search-worker-thread.js").includes(name), name);
  }
});

/** Returns the modules that an entry imports, directly or not. */
function modulesOf(entry) {
  const found = [entry];
  for (const name of found) {
    for (const [, specifier] of read(name).matchAll(/^(?:import|export)\s(?:[^"';]*\sfrom\s)?"(\.[^"]+)"/gm)) {
      const target = path.posix.join(path.posix.dirname(name), specifier);
      if (!found.includes(target)) found.push(target);
    }
  }
  return found;
}
