// The installed tarball bundled by esbuild. esbuild ignores `new URL(…, import.meta.url)`, so pages import the .wasm.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { assertWorks, cliText, pageText } from "./support/app.mjs";
import { MODEL, copyModel, project } from "./support/places.mjs";
import { outputJson } from "./support/programs.mjs";
import { launch, outcomeOf, site } from "./support/site.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

async function bundle(name, main, options) {
  const folder = project(`esbuild-${name}`, { "main.js": main, "out/index.html": html(options.format) });
  const { warnings } = await build({
    absWorkingDir: folder,
    entryPoints: ["main.js"],
    outdir: "out",
    bundle: true,
    logLevel: "silent",
    ...options,
  });
  return { folder, warnings: warnings.map(({ text }) => text) };
}
const html = (format) =>
  `<!doctype html><meta charset="utf-8"><title>corom</title>
   <script ${format === "esm" ? 'type="module"' : "defer"} src="./main.js"></script>`;

async function shown(folder) {
  copyModel(`${folder}/out/model`);
  const served = await site(`${folder}/out`);
  try {
    return (await outcomeOf(browser, served.address)).outcome;
  } finally {
    await served.close();
  }
}

test("a page runs with --loader:.wasm=file", async () => {
  const main = pageText("corom", "{ wasm }", 'import wasm from "corom/corom-relaxed.wasm";\n');
  const { folder, warnings } = await bundle("page", main, { format: "esm", loader: { ".wasm": "file" } });
  assert.deepEqual(warnings, []);
  assert.equal(readdirSync(`${folder}/out`).filter((name) => name.endsWith(".wasm")).length, 1);
  assertWorks(await shown(folder), { simd: "custom" });
});

test("a classic script runs with corom/inline", async () => {
  const { folder, warnings } = await bundle("classic", pageText("corom/inline"), { format: "iife" });
  assert.deepEqual(warnings, []);
  assertWorks(await shown(folder), { simd: "plain" });
});

test("a classic script without corom/inline fails with UNSUPPORTED_HOST and names the reason", async () => {
  const { folder } = await bundle("lost", pageText("corom"), { format: "iife" });
  assert.match((await shown(folder)).error, /^UNSUPPORTED_HOST .*import\.meta\.url.*corom\/inline/);
});

test("a page runs corom/worker with a worker script that is bundled too", async () => {
  const load = pageText("corom/worker", '{ wasm, worker: "./worker.js" }', 'import wasm from "corom/corom-relaxed.wasm";\n');
  const entryPoints = { main: "main.js", worker: "corom/worker-thread" };
  const { folder, warnings } = await bundle("worker", load, { format: "esm", loader: { ".wasm": "file" }, entryPoints });
  assert.deepEqual(warnings, []);
  assertWorks(await shown(folder), { simd: "custom" });
});

test("a program for Node runs as one file with corom/inline", async () => {
  const { folder, warnings } = await bundle("node", cliText("corom/inline"), {
    format: "esm",
    platform: "node",
    outExtension: { ".js": ".mjs" },
  });
  assert.deepEqual(warnings, []);
  assertWorks(outputJson(process.execPath, ["out/main.mjs", MODEL], { cwd: folder }), { simd: "plain" });
});

test("a program for Node finds the .wasm file that --loader:.wasm=file puts beside the bundle", async () => {
  const main = `import wasm from "corom/corom.wasm";\n${cliText("corom", "{ wasm }")}`;
  const inWorker = `import wasm from "corom/corom.wasm";\n${cliText("corom/worker", "{ wasm, worker: new URL('./worker.mjs', import.meta.url) }")}`;
  for (const [format, extension] of [["esm", ".mjs"], ["cjs", ".cjs"]]) {
    const imports = `import wasm from "corom/corom.wasm";\nimport { Corom, CoromError } from "corom";\n`;
    const inside = main.split("\n").filter((line) => !line.startsWith("import ")).join("\n").replace("export async", "async");
    const { folder } = await bundle(`node-${format}`, `${imports}(async () => {${inside}})();`, {
      format,
      platform: "node",
      loader: { ".wasm": "file" },
      outExtension: { ".js": extension },
    });
    for (const cwd of [folder, `${folder}/out`, "/"])
      assertWorks(outputJson(process.execPath, [`${folder}/out/main${extension}`, MODEL], { cwd }), { simd: "custom" });
  }
  const entryPoints = { main: "main.js", worker: "corom/worker-thread" };
  const { folder } = await bundle("node-worker", inWorker, {
    format: "esm",
    platform: "node",
    loader: { ".wasm": "file" },
    outExtension: { ".js": ".mjs" },
    entryPoints,
  });
  assertWorks(outputJson(process.execPath, [`${folder}/out/main.mjs`, MODEL], { cwd: "/" }), { simd: "custom" });
});
