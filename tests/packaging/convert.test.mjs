// `corom/convert` of the installed tarball in bundles of Vite, webpack and esbuild: the worker's script and the converter's
// binary are found, and a page that does not convert fetches neither.
import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import * as esbuild from "esbuild";
import { build, preview } from "vite";
import webpack from "webpack";
import { ROOT, project } from "./support/places.mjs";
import { freePort, launch, outcomeOf, site } from "./support/site.mjs";

const CHECKPOINT = path.join(ROOT, "tests/fixtures/checkpoints/wide");
/** The program of a page that converts if its address says so. `options` and `imports` are JavaScript. */
const pageText = ({ options = "{}", loadOptions = "{}", imports = "" } = {}) => `${imports}
const names = ["config.json", "model.safetensors", "pytorch_model.bin", "vocab.txt", "tokenizer.json"];
async function run() {
  const { Corom } = await import("corom");
  if (location.search !== "?convert") return { loaded: typeof Corom };
  const { convert } = await import("corom/convert");
  const responses = await Promise.all(names.map(async (name) => [name, await fetch("./checkpoint/" + name)]));
  // A server of pages answers every path: what it does not have is HTML.
  const found = responses.filter(([, response]) => response.ok && !/html/.test(response.headers.get("content-type")));
  const { manifest, files } = await convert(Object.fromEntries(found), { dtype: "int8", pooling: "cls", ...${options} });
  const corom = await Corom.load(files, ${loadOptions});
  return { dtype: manifest.dtype, loaded: corom.info.dtype, vector: (await corom.embed("阔腿裤")).length };
}
run().then((value) => (globalThis.outcome = value), (error) => (globalThis.outcome = { error: \`\${error?.code} \${error}\` }));
`;
const html = (script, head = "") =>
  `<!doctype html><meta charset="utf-8"><title>corom</title>${head}<script type="module" src="${script}"></script>`;

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** Opens the page as it is and as one that converts, and checks what it fetches. */
async function assertConverts(address, thread) {
  const plain = await outcomeOf(browser, address);
  assert.deepEqual(plain.outcome, { loaded: "function" });
  assert.ok(!plain.asked.some((url) => /convert/.test(url)), plain.asked.join("\n"));
  const { outcome, asked } = await outcomeOf(browser, `${address}?convert`, { allowed: [/404/] });
  assert.deepEqual(outcome, { dtype: "int8", loaded: "int8", vector: 64 });
  assert.ok(asked.some((url) => thread.test(url)), asked.join("\n"));
  assert.equal(asked.filter((url) => /\.wasm$/.test(url)).length, 2, asked.join("\n"));
}

/** Serves a bundle in `folder` with the checkpoint beside it. */
async function assertBundleConverts(folder, thread) {
  writeFileSync(path.join(folder, "index.html"), html("./main.js"));
  cpSync(CHECKPOINT, path.join(folder, "checkpoint"), { recursive: true });
  const served = await site(folder);
  try {
    await assertConverts(served.address, thread);
  } finally {
    await served.close();
  }
}

test("vite build emits the converter's script and binary, and only a page that converts fetches them", async () => {
  const root = project("vite-convert", { "index.html": html("/main.js", '<link rel="icon" href="data:,">'), "main.js": pageText() });
  cpSync(CHECKPOINT, path.join(root, "public/checkpoint"), { recursive: true });
  const config = { root, configFile: false, logLevel: "error", cacheDir: `${root}/.vite` };
  await build({ ...config, build: { chunkSizeWarningLimit: 20_000 } });
  const server = await preview({ ...config, preview: { host: "127.0.0.1", port: await freePort(), strictPort: true } });
  try {
    await assertConverts(`http://127.0.0.1:${server.httpServer.address().port}/`, /convert-thread.*\.js$/);
  } finally {
    await server.close();
  }
});

test("webpack emits the converter's script and binary without any setting", async () => {
  const context = project("webpack-convert", { "main.js": pageText() });
  const output = { path: `${context}/dist`, chunkFilename: "chunk-[id].js" };
  const compiler = webpack({ mode: "production", context, entry: "./main.js", output, optimization: { minimize: false }, performance: { hints: false } });
  const stats = await new Promise((resolve, reject) => compiler.run((error, done) => (error ? reject(error) : resolve(done))));
  await new Promise((resolve) => compiler.close(resolve));
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual([...errors, ...warnings].map(({ message }) => message), []);
  await assertBundleConverts(`${context}/dist`, /chunk-\d+\.js$/);
});

test("esbuild bundles the converter with its script as an entry", async () => {
  const imports = 'import wasm from "corom/corom-convert.wasm";\nimport own from "corom/corom-relaxed.wasm";';
  const options = '{ wasm, worker: "./convert.js" }';
  const folder = project("esbuild-convert", { "main.js": pageText({ imports, options, loadOptions: "{ wasm: own }" }) });
  const { warnings } = await esbuild.build({
    absWorkingDir: folder,
    entryPoints: { main: "main.js", convert: "corom/convert-thread" },
    outdir: "out",
    bundle: true,
    format: "esm",
    loader: { ".wasm": "file" },
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  await assertBundleConverts(`${folder}/out`, /convert\.js$/);
});
