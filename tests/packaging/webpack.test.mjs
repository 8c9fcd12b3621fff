// The installed tarball bundled by webpack: for pages, for Node, and for rendering on a server as Next.js does.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import webpack from "webpack";
import { assertWorks, cliText, pageText } from "./support/app.mjs";
import { MODEL, copyModel, project } from "./support/places.mjs";
import { outputJson } from "./support/programs.mjs";
import { REFUSES } from "./support/refuses.mjs";
import { launch, outcomeOf, site } from "./support/site.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** Bundles `context`/main.js and returns the names of the files; a warning fails the test. */
async function bundle(context, config = {}) {
  const compiler = webpack({
    mode: "production",
    context,
    entry: "./main.js",
    output: { path: `${context}/dist` },
    optimization: { minimize: false },
    performance: { hints: false },
    ...config,
  });
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, done) => (error ? reject(error) : resolve(done))),
  );
  await new Promise((resolve) => compiler.close(resolve));
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual([...errors, ...warnings].map(({ message }) => message), []);
  return readdirSync(`${context}/dist`);
}

const HTML = `<!doctype html><meta charset="utf-8"><title>corom</title><script defer src="./main.js"></script>`;
async function shown(folder) {
  writeFileSync(`${folder}/dist/index.html`, HTML);
  copyModel(`${folder}/dist/model`);
  const served = await site(`${folder}/dist`);
  try {
    return await outcomeOf(browser, served.address);
  } finally {
    await served.close();
  }
}

test("a page runs without any setting, and fetches one of four binaries", async () => {
  const folder = project("webpack", { "main.js": pageText("corom") });
  const files = await bundle(folder);
  assert.equal(files.filter((name) => name.endsWith(".wasm")).length, 4, String(files));
  const { outcome, asked } = await shown(folder);
  assertWorks(outcome, { simd: "relaxed" });
  assert.equal(asked.filter((url) => url.endsWith(".wasm")).length, 1);
});

test("a page with corom/inline runs from one file", async () => {
  const folder = project("webpack-inline", { "main.js": pageText("corom/inline") });
  assert.deepEqual(await bundle(folder), ["main.js"]);
  assertWorks((await shown(folder)).outcome, { simd: "plain" });
});

test("a page runs corom/worker from a script of its own", async () => {
  const folder = project("webpack-worker", { "main.js": pageText("corom/worker") });
  const files = await bundle(folder);
  // The page, the worker, and the glue code of the GPU's binary.
  assert.equal(files.filter((name) => name.endsWith(".js")).length, 3, `emitted files: ${files}`);
  assertWorks((await shown(folder)).outcome, { simd: "relaxed" });
});

test("a program for Node runs", async () => {
  const folder = project("webpack-node", { "main.js": cliText("corom") });
  await bundle(folder, { target: "node20", output: { path: `${folder}/dist`, module: true, filename: "main.mjs" } });
  assertWorks(outputJson(process.execPath, ["dist/main.mjs", MODEL], { cwd: folder }));
});

// A component that searches. Frameworks render it on the server, where nobody searches.
const COMPONENT = `import { Corom, CoromError } from "corom";
let loading;
export const search = async (query, documents) => (await (loading ??= Corom.load("./model/"))).rank(query, documents);
export const render = () => \`<p data-ready="\${typeof Corom.load}" data-error="\${CoromError.name}"></p>\`;
`;

test("rendering on a server loads no WebAssembly, bundled or not", async () => {
  const server = `import { render } from "./component.js"; console.log(JSON.stringify(render()));`;
  const folder = project("ssr", { "component.js": COMPONENT, "main.js": server, "watch.mjs": REFUSES });
  const run = (file) => outputJson(process.execPath, ["--import", "./watch.mjs", file], { cwd: folder });
  const expected = '<p data-ready="function" data-error="CoromError"></p>';
  assert.equal(run("main.js"), expected);
  await bundle(folder, { target: "node20", output: { path: `${folder}/dist`, filename: "server.cjs" } });
  assert.equal(run("dist/server.cjs"), expected);
  copyModel(`${folder}/model`);
  project("ssr", { "search.js": `import { search } from "./component.js"; await search("a", ["b"]);` });
  assert.throws(() => run("search.js"), /refused: /, "refuses.mjs throws when WebAssembly is used");
});
