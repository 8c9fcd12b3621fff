// Tools that do not know the field `exports`: Parcel with its default settings, and resolvers such as eslint's.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { assertWorks, pageText } from "./support/app.mjs";
import { INSTALLED, MODULES, WORKSPACE, copyModel, project } from "./support/places.mjs";
import { output } from "./support/programs.mjs";
import { launch, outcomeOf, site } from "./support/site.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const manifest = JSON.parse(readFileSync(path.join(INSTALLED, "package.json"), "utf8"));

test("a page bundled by Parcel without any setting runs corom, corom/worker and corom/hub", async () => {
  const html = '<!doctype html><meta charset="utf-8"><title>corom</title><script type="module" src="./main.js"></script>';
  const folder = project("parcel", {
    "package.json": { name: "parcel-page", private: true, type: "module" },
    "index.html": html,
    "main.js": `${pageText("corom").replace("(globalThis.outcome = value)", "finish(value)")}
import { Corom as InWorker } from "corom/worker";
import { modelscope } from "corom/hub";
import { sentenceEmbedding } from "corom/modelscope";
import wasm from "url:corom/corom.wasm";
async function finish(value) {
  const corom = await InWorker.load("./model/", { wasm: new URL(wasm, location) });
  const { length } = await corom.embed("裤");
  corom.free();
  globalThis.outcome = { ...value, more: [length > 0, modelscope("a/b").length, typeof sentenceEmbedding, corom.info.simd] };
}
`,
  });
  const parcel = path.join(MODULES, "parcel/lib/bin.js");
  // Without the optimizers, which take most of the time. They are not settings of the page.
  const flags = ["--no-cache", "--no-source-maps", "--no-optimize", "--log-level", "warn"];
  output(process.execPath, [parcel, "build", "index.html", ...flags], { cwd: folder, env: { NODE_ENV: "production" } });
  assert.ok(readdirSync(`${folder}/dist`).some((name) => name.endsWith(".wasm")));
  copyModel(`${folder}/dist/model`);
  const served = await site(`${folder}/dist`, { policy: "" }); // Parcel writes an import map into the page
  try {
    const { outcome } = await outcomeOf(browser, served.address);
    assertWorks(outcome, { simd: "relaxed" });
    assert.deepEqual(outcome.more, [true, 1, "function", "custom"]);
  } finally {
    await served.close();
  }
});

/** Resolves as tools do that read `main`, or the first of `fields`, and the files and folders of a subpath. */
function resolveWithoutExports(specifier, fields) {
  const resolve = createRequire(path.join(MODULES, "resolve/index.js"))("./index.js");
  const packageFilter = (json) => {
    const main = fields.map((field) => json[field]).find((value) => typeof value === "string");
    return { ...json, main };
  };
  return resolve.sync(specifier, { basedir: WORKSPACE, packageFilter });
}

/** The files of an entry that names a whole folder, such as `./models/*`; of another entry, the entry itself. */
function filesOf(entry) {
  if (!entry.endsWith("/*")) return [entry];
  const folder = entry.slice(0, -1);
  const files = readdirSync(path.join(INSTALLED, folder), { recursive: true, withFileTypes: true }).filter((item) => item.isFile());
  assert.ok(files.length > 0, `${entry} names no file`);
  return files.map((item) => `./${path.posix.join(path.relative(INSTALLED, item.parentPath), item.name)}`);
}

test("every entry is found by its path without `exports`", () => {
  for (const fields of [["main"], ["module", "jsnext:main", "main"]]) {
    assert.equal(resolveWithoutExports("corom", fields), path.join(INSTALLED, "node.js"));
    for (const entry of Object.keys(manifest.exports).flatMap(filesOf)) {
      const file = resolveWithoutExports(path.posix.join("corom", entry), fields);
      assert.ok(file.startsWith(INSTALLED) && existsSync(file), `${entry}: ${file}`);
      if (entry.startsWith("./models/")) assert.equal(file, path.join(INSTALLED, entry));
      if (entry.endsWith(".wasm")) assert.equal(file, path.join(INSTALLED, "wasm", path.basename(entry)));
    }
  }
});

test("a bundler that knows no import.meta gets files without it", () => {
  const entry = manifest.browser;
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, "utf8").replace(/^\s*(\/\/|\*).*$/gm, "");
    assert.doesNotMatch(text, /[(,=] ?import\.meta/, file);
    for (const [, found] of text.matchAll(/^(?:import|export) [^"]*"(\..*)";$/gm)) visit(path.resolve(file, "..", found));
  };
  for (const file of [entry, "inline.js", "hub.js", "modelscope.js"]) visit(path.join(INSTALLED, file));
  assert.ok(seen.size > 30);
});
