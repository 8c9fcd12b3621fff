// The installed tarball in Node: ES modules, CommonJS, `corom/inline`, `corom/worker`, and the names it exports.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { TEXTS, assertWorks, cliText } from "./support/app.mjs";
import { INSTALLED, MODEL, project } from "./support/places.mjs";
import { output, outputJson } from "./support/programs.mjs";
import { REFUSES_READS } from "./support/refuses.mjs";

const node = process.execPath;

test("an ES module loads a model by its path and by a file: URL", () => {
  const cwd = project("node", { "app.mjs": cliText() });
  assertWorks(outputJson(node, ["app.mjs", MODEL], { cwd }));
  assertWorks(outputJson(node, ["app.mjs", String(new URL(`file://${MODEL}`)), "plain"], { cwd }), { simd: "plain" });
});

test("CommonJS uses corom by import(), and by require() if Node supports it for ES modules", () => {
  const body = `
    const texts = ${JSON.stringify(TEXTS.slice(0, 2))};
    (async () => {
      const corom = await Corom.load(process.argv[2]);
      console.log(JSON.stringify((await corom.embed(texts)).rows));
    })();`;
  const cwd = project("commonjs", {
    "package.json": { type: "commonjs" },
    "import.js": `import("corom").then(({ Corom }) => { ${body} });`,
    "require.js": `const { Corom } = require("corom"); ${body}`,
  });
  assert.equal(output(node, ["import.js", MODEL], { cwd }).trim(), "2");
  if (process.features.require_module) assert.equal(output(node, ["require.js", MODEL], { cwd }).trim(), "2");
});

test("corom/inline reads no .wasm", () => {
  const cwd = project("inline", { "watch.mjs": REFUSES_READS, "app.mjs": cliText("corom/inline"), "file.mjs": cliText() });
  assertWorks(outputJson(node, ["--import", "./watch.mjs", "app.mjs", MODEL], { cwd }), { simd: "plain" });
  assert.throws(() => output(node, ["--import", "./watch.mjs", "file.mjs", MODEL], { cwd }), /refused: .*corom\.wasm/);
});

test("corom/worker runs the same program with the model in a worker thread", () => {
  const cwd = project("worker", { "app.mjs": cliText("corom/worker") });
  assertWorks(outputJson(node, ["app.mjs", MODEL], { cwd }));
});

test("the package exports its entries, the .wasm files and package.json, and nothing else", () => {
  const names = ["corom", "corom/inline", "corom/corom.wasm", "corom/corom-relaxed.wasm", "corom/corom-unfused.wasm", "corom/package.json"];
  const cwd = project("names", {
    "app.mjs": `import { fileURLToPath } from "node:url";
      const resolved = ${JSON.stringify(names)}.map((name) => fileURLToPath(import.meta.resolve(name)));
      const refused = ["corom/lib/corom.js", "corom/node.js", "corom/wasm/corom.js"].map((name) => {
        try { return import.meta.resolve(name); } catch ({ code }) { return code; }
      });
      console.log(JSON.stringify({ resolved, refused }));`,
  });
  const { resolved, refused } = outputJson(node, ["app.mjs"], { cwd });
  const files = ["node.js", "inline-node.js", "wasm/corom.wasm", "wasm/corom-relaxed.wasm", "wasm/corom-unfused.wasm", "package.json"];
  assert.deepEqual(
    resolved,
    files.map((file) => path.join(INSTALLED, file)),
  );
  assert.deepEqual(refused, Array(3).fill("ERR_PACKAGE_PATH_NOT_EXPORTED"));
});
