// `corom/worker` of the installed tarball: in Node, Deno and Bun, in a page without a bundler, and through each bundler.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { build as esbuild } from "esbuild";
import { build as viteBuild, createServer, preview } from "vite";
import webpack from "webpack";
import { assertWorks, cliText, pageText } from "./support/app.mjs";
import { INSTALLED, MODEL, WORKSPACE, binary, copyModel, project } from "./support/places.mjs";
import { outputJson } from "./support/programs.mjs";
import { freePort, launch, outcomeOf, site } from "./support/site.mjs";

const HTML = `<!doctype html><meta charset="utf-8"><title>corom</title>
  <script type="module" src="./main.js"></script>`;

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

async function shown(folder, options) {
  copyModel(`${folder}/model`);
  const served = await site(folder, options);
  try {
    return await outcomeOf(browser, served.address);
  } finally {
    await served.close();
  }
}

test("Node", () => {
  const cwd = project("worker-node", { "app.mjs": cliText("corom/worker") });
  assertWorks(outputJson(process.execPath, ["app.mjs", MODEL], { cwd }));
});

test("Deno", () => {
  const cwd = project("worker-deno", { "app.mjs": cliText("corom/worker") });
  const run = ["run", "--no-lock", "--no-prompt", "--node-modules-dir=manual", "--allow-read"];
  const env = { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${WORKSPACE}/deno` };
  assertWorks(outputJson(binary("@deno", "deno"), [...run, "app.mjs", MODEL], { cwd, env }));
});

test("Bun", () => {
  const cwd = project("worker-bun", { "app.mjs": cliText("corom/worker") });
  assertWorks(outputJson(binary("@oven", "bun"), ["run", "app.mjs", MODEL], { cwd }));
});

test("a page without a bundler, under the Content-Security-Policy", async () => {
  const folder = project("worker-page", { "index.html": HTML, "main.js": pageText("/corom/worker.js") });
  const { outcome, asked } = await shown(folder, { mounts: { "/corom/": INSTALLED } });
  assertWorks(outcome, { simd: "relaxed" });
  assert.ok(
    asked.every((url) => !url.startsWith("blob:")),
    String(asked),
  );
});

async function withVite(name, serve) {
  const icon = '<link rel="icon" href="data:,">'; // this server has no favicon.ico
  const root = project(name, {
    "index.html": HTML.replace("<script", `${icon}<script`),
    "main.js": pageText("corom/worker"),
  });
  copyModel(`${root}/public/model`);
  const where = { host: "127.0.0.1", port: await freePort(), strictPort: true };
  const server = await serve({ root, configFile: false, logLevel: "error", cacheDir: `${root}/.vite` }, where);
  try {
    return await outcomeOf(browser, `http://127.0.0.1:${where.port}/`);
  } finally {
    await server.close();
  }
}

test("Vite, built", async () => {
  const { outcome } = await withVite("worker-vite", async (config, where) => {
    await viteBuild({ ...config, build: { chunkSizeWarningLimit: 20_000 } });
    return preview({ ...config, preview: where });
  });
  assertWorks(outcome, { simd: "relaxed" });
});

test("Vite's development server", async () => {
  const { outcome } = await withVite("worker-vite-dev", async (config, server) => {
    const started = await createServer({ ...config, server });
    return started.listen();
  });
  assertWorks(outcome, { simd: "relaxed" });
});

test("webpack", async () => {
  const folder = project("worker-webpack", { "main.js": pageText("corom/worker"), "dist/index.html": HTML });
  const compiler = webpack({
    mode: "production",
    context: folder,
    entry: "./main.js",
    output: { path: `${folder}/dist` },
    optimization: { minimize: false },
    performance: { hints: false },
  });
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, done) => (error ? reject(error) : resolve(done))),
  );
  await new Promise((resolve) => compiler.close(resolve));
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual(
    [...errors, ...warnings].map(({ message }) => message),
    [],
  );
  assertWorks((await shown(`${folder}/dist`)).outcome, { simd: "relaxed" });
});

test("esbuild, with the script as an entry of its own", async () => {
  const wasm = 'import wasm from "corom/corom-relaxed.wasm";\n';
  const folder = project("worker-esbuild", {
    "main.js": pageText("corom/worker", "{ wasm }", wasm),
    "out/index.html": HTML,
  });
  const { warnings } = await esbuild({
    absWorkingDir: folder,
    entryPoints: { main: "main.js", "worker-thread": "corom/worker-thread" },
    outdir: "out",
    bundle: true,
    format: "esm",
    loader: { ".wasm": "file" },
    logLevel: "silent",
  });
  assert.deepEqual(warnings, []);
  assert.ok(readdirSync(`${folder}/out`).includes("worker-thread.js"));
  assertWorks((await shown(`${folder}/out`)).outcome, { simd: "custom", imported: true });
});
