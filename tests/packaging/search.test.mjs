// The installed tarball's `corom/search` and `corom/search-worker`: in Node, Deno, Bun, workerd, Vercel's edge runtime, and
// in pages that Vite, webpack and esbuild built. Every host gives the same hits.
import assert from "node:assert/strict";
import { cpSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { EdgeVM } from "@edge-runtime/vm";
import { build as esbuild } from "esbuild";
import { Miniflare } from "miniflare";
import { build as vite } from "vite";
import webpack from "webpack";
import { buildCatalog } from "../js/support/catalogs.mjs";
import { bundleForEdge } from "./support/edge-bundle.mjs";
import { WORKSPACE, binary, project } from "./support/places.mjs";
import { output, outputJson } from "./support/programs.mjs";
import { launch, outcomeOf, site } from "./support/site.mjs";

/** Returns the source of a program that loads a catalog and searches; `specifier` is what it imports. */
const appText = (specifier) => `import { Catalog, CoromError } from ${JSON.stringify(specifier)};

export async function run(source, options) {
  const phases = [];
  const shop = await Catalog.load(source, { vectors: "later", ...options, onProgress: ({ phase }) => phases.includes(phase) || phases.push(phase) });
  try {
    await shop.ready;
    const options = { topK: 5, filter: { stock: true }, facets: ["shop"] };
    const [first, second, browsed] = await Promise.all([shop.search("女 鞋", options), shop.similar("p3"), shop.search("", options)]);
    const refused = await shop.search(42).catch((error) => error);
    return {
      hits: [first, second, browsed].map(({ hits, total }) => [total, ...hits.map(({ id }) => id)]),
      facets: first.facets,
      refused: refused instanceof CoromError ? refused.code : String(refused),
      phases,
      memory: shop.memoryBytes,
    };
  } finally {
    shop.free();
  }
}
`;
/** A program for Node, Deno and Bun; its argument is a source. */
const cliText = (specifier, options = "{}") => `${appText(specifier)}
const [source] = globalThis.Deno?.args ?? process.argv.slice(2);
console.log(JSON.stringify(await run(source, ${options})));
process.exit(0);
`;
/** A script for pages that leaves the outcome, or the error, in the global \`outcome\`. */
const pageText = (specifier, options = "{}", more = "") => `${more}${appText(specifier)}
run("./shop/", ${options}).then(
  (value) => (globalThis.outcome = value),
  (error) => (globalThis.outcome = { error: \`\${error?.code} \${error}\` }),
);
`;

const ends = [];
let catalog;
let browser;
let expected;
before(async () => {
  ({ catalog } = buildCatalog({ after: (end) => ends.push(end) }));
  browser = await launch();
  project("search", { "node.mjs": cliText("corom/search"), "worker.mjs": cliText("corom/search-worker") });
  expected = outputJson(process.execPath, ["node.mjs", catalog], { cwd });
});
after(async () => {
  await browser?.close();
  for (const end of ends) end();
});
const cwd = path.join(WORKSPACE, "projects/search");

function assertFinds(outcome, { imported = false } = {}) {
  assert.equal(outcome.error, undefined);
  assert.ok(expected.hits.every(([total, ...ids]) => total > 0 && ids.length > 0), JSON.stringify(expected));
  assert.deepEqual([outcome.hits, outcome.facets, outcome.refused], [expected.hits, expected.facets, "INVALID_ARGUMENT"]);
  assert.equal(outcome.phases.includes("wasm"), !imported, `phases: ${outcome.phases}`);
  assert.ok(outcome.phases.includes("done") && outcome.memory > 0, JSON.stringify(outcome));
}

test("Node searches in a worker", () => {
  assertFinds(outputJson(process.execPath, ["worker.mjs", catalog], { cwd }));
  const program = 'const { Catalog } = await import("corom/search"); console.log(JSON.stringify(await Catalog.load(process.argv[2]).then(({ info }) => info.items)));';
  project("search", { "items.mjs": program });
  assert.equal(outputJson(process.execPath, ["items.mjs", catalog], { cwd }), 200);
});

test("Deno searches with permission to read, on its thread and in a worker", () => {
  const env = { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${WORKSPACE}/deno-search` };
  const run = ["run", "--no-lock", "--no-prompt", "--node-modules-dir=manual", "--allow-read"];
  for (const name of ["node.mjs", "worker.mjs"]) assertFinds(outputJson(binary("@deno", "deno"), [...run, name, catalog], { cwd, env }));
});

test("Bun searches as a program, in a worker, bundled, and compiled into an executable", () => {
  const bun = binary("@oven", "bun");
  for (const name of ["node.mjs", "worker.mjs"]) assertFinds(outputJson(bun, ["run", name, catalog], { cwd }));
  output(bun, ["build", "node.mjs", "--target=bun", "--outdir=bun"], { cwd });
  const elsewhere = project("search-elsewhere");
  assertFinds(outputJson(bun, ["run", `${cwd}/bun/node.js`, catalog], { cwd: elsewhere }));
  output(bun, ["build", "node.mjs", "--compile", "--outfile=one"], { cwd });
  assertFinds(outputJson(`${cwd}/one`, [catalog], { cwd: elsewhere }));
});

const WORKER = `${appText("corom/search")}
export default {
  async fetch(request) {
    const { source, options } = await request.json();
    return Response.json(await run(source, options).catch(({ code, message }) => ({ error: \`\${code} \${message}\` })));
  },
};`;

test("workerd searches with the binary of the upload", async () => {
  const folder = project("search-workerd", { "main.js": WORKER });
  const { modules, wasm } = await bundleForEdge(folder, "main.js", ["workerd", "worker", "browser"]);
  assert.deepEqual([...wasm.keys()], ["corom-search.wasm"], "no encoder is uploaded");
  const served = await site(catalog, { policy: null });
  const miniflare = new Miniflare({ host: "127.0.0.1", compatibilityDate: "2024-09-23", modules });
  try {
    const ask = async (options) => {
      const body = JSON.stringify({ source: served.address, options });
      return (await miniflare.dispatchFetch("http://worker/", { method: "POST", body })).json();
    };
    assertFinds(await ask({}), { imported: true });
    assert.match((await ask({ cacheDir: "x" })).error, /^INVALID_ARGUMENT cacheDir/);
    assert.match((await ask({ cache: "opfs" })).error, /^UNSUPPORTED_HOST/);
  } finally {
    await miniflare.dispose();
    await served.close();
  }
});

test("Vercel's edge runtime searches with the binary of the upload", async () => {
  const folder = project("search-edge-light", { "main.js": `${appText("corom/search")}\nglobalThis.run = run;` });
  const { text, wasm } = await bundleForEdge(folder, "main.js", ["edge-light", "worker", "browser"]);
  const script = text.replace(/^import (\w+) from "\.\/corom-search\.wasm";$/m, "const $1 = globalThis.wasm_search;");
  assert.notEqual(script, text);
  const served = await site(catalog, { policy: null });
  const vm = new EdgeVM({
    codeGeneration: { strings: false, wasm: false },
    extend: (context) =>
      Object.assign(context, { wasm_search: new WebAssembly.Module(readFileSync(wasm.get("corom-search.wasm"))) }),
  });
  try {
    vm.evaluate(`(async () => { ${script.replace(/^export \{[^}]*\};?$/m, "")} })()`);
    const outcome = await vm.evaluate(`run(${JSON.stringify(served.address)})`);
    assertFinds(JSON.parse(JSON.stringify(outcome)), { imported: true }); // its objects are of another realm
  } finally {
    await served.close();
  }
});

const HTML = (script) =>
  `<!doctype html><meta charset="utf-8"><title>corom</title><script type="module" src="${script}"></script>`;

/** Opens a built site with the catalog in it. */
async function shown(folder) {
  cpSync(catalog, `${folder}/shop`, { recursive: true });
  const served = await site(folder);
  try {
    return await outcomeOf(browser, served.address);
  } finally {
    await served.close();
  }
}

for (const entry of ["corom/search", "corom/search-worker"]) {
  const name = entry.replace("corom/", "");

  test(`a page that Vite built searches with ${entry}, and fetches one binary`, async () => {
    const root = project(`vite-${name}`, { "index.html": HTML("/main.js"), "main.js": pageText(entry) });
    await vite({ root, configFile: false, logLevel: "error", cacheDir: `${root}/.vite` });
    const binaries = readdirSync(`${root}/dist/assets`).filter((file) => file.endsWith(".wasm"));
    assert.deepEqual(binaries.map((file) => file.replace(/-[\w-]{8}\.wasm$/, "")), ["corom-search"]);
    const { outcome, asked } = await shown(`${root}/dist`);
    assertFinds(outcome);
    assert.equal(asked.some((url) => /search-worker-thread.*\.js$/.test(url)), name === "search-worker", `${asked}`);
  });
}

test("a page that webpack built searches with corom/search-worker", async () => {
  const folder = project("webpack-search", { "main.js": pageText("corom/search-worker"), "dist/index.html": HTML("./main.js") });
  const compiler = webpack({
    context: folder,
    mode: "development", // other tests minify
    devtool: false,
    entry: "./main.js",
    output: { path: `${folder}/dist`, filename: "main.js", publicPath: "auto" },
    performance: false,
  });
  const stats = await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))));
  assert.deepEqual(stats.toJson({ all: false, errors: true, warnings: true }).errors, []);
  assertFinds((await shown(`${folder}/dist`)).outcome);
});

test("a page that esbuild built searches with corom/search-worker, given the script and the binary", async () => {
  const folder = project("esbuild-search", {
    "main.js": pageText("corom/search-worker", '{ worker: "./thread.js", wasm }', 'import wasm from "corom/corom-search.wasm";\n'),
    "thread.js": 'import "corom/search-worker-thread";',
    "out/index.html": HTML("./main.js"),
  });
  const options = { absWorkingDir: folder, outdir: "out", bundle: true, format: "esm", logLevel: "silent", loader: { ".wasm": "file" } };
  await esbuild({ ...options, entryPoints: ["main.js"], logOverride: { "empty-import-meta": "silent" } });
  await esbuild({ ...options, entryPoints: ["thread.js"], format: "iife", logOverride: { "empty-import-meta": "silent" } });
  assertFinds((await shown(`${folder}/out`)).outcome);
});
