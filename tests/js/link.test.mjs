// www/link.mjs: the modules that the demo's server sends as one file.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { link } from "../../www/link.mjs";
import { serve } from "../../www/serve.mjs";
import { PKG, ROOT } from "./support/paths.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "corom-link-"));
after(() => rmSync(folder, { recursive: true }));
let made = 0;

/** Writes modules, links the first of them, and returns the exports of the result. */
async function linked(files) {
  const root = path.join(folder, String(made++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  const [entry] = Object.keys(files);
  const { text, files: used } = link(`/${entry}`, (pathname) => path.join(root, pathname));
  const file = path.join(root, path.dirname(entry), "linked.mjs");
  writeFileSync(file, text);
  return { exports: await import(pathToFileURL(file).href), used: used.map((one) => path.relative(root, one)), root };
}

describe("link", () => {
  test("keeps names apart, runs each module once, after those that it imports", async () => {
    globalThis.order = [];
    const note = (name) => `globalThis.order.push("${name}");\n`;
    const { exports, used } = await linked({
      "a.mjs": `${note("a")}import { value as other, Counter } from "./lib/b.mjs";\nimport * as all from "./lib/c.mjs";\nimport {\n  list,\n} from "./lib/d.mjs";\nimport "./lib/side.mjs";\n\nconst value = 1;\nexport const sum = value + other + all.value + list().length;\nexport { Counter };\nexport { twice as double } from "./lib/c.mjs";\nexport * from "./lib/d.mjs";\n`,
      "lib/b.mjs": `${note("b")}import { value as inner } from "./c.mjs";\nexport const value = 10 * inner;\nexport class Counter {}\n`,
      "lib/c.mjs": `${note("c")}export const value = 100;\nexport function twice(x) {\n  return 2 * x;\n}\n`,
      "lib/d.mjs": `${note("d")}export const list = () => ["$&", "$1"];\nexport async function later() {\n  return "later";\n}\nexport function* count() {\n  yield 1;\n}\n`,
      "lib/side.mjs": note("side"),
    });
    assert.deepEqual(globalThis.order, ["c", "b", "d", "side", "a"]);
    assert.deepEqual(Object.keys(exports).sort(), ["Counter", "count", "double", "later", "list", "sum"]);
    assert.deepEqual([exports.sum, exports.double(4), exports.list(), await exports.later(), [...exports.count()]], [1103, 8, ["$&", "$1"], "later", [1]]);
    assert.deepEqual(used, ["lib/c.mjs", "lib/b.mjs", "lib/d.mjs", "lib/side.mjs", "a.mjs"]);
  });

  test("addresses and dynamic imports stay those of the module that has them", async () => {
    const { exports, root } = await linked({
      "page/a.mjs": 'export { file, load } from "../lib/b.mjs";\n',
      "lib/b.mjs": 'export const file = () => new URL("./b.bin", import.meta.url);\nexport const load = () => import("./c.mjs");\n',
      "lib/c.mjs": "export const name = 3;\n",
    });
    assert.equal(exports.file().href, pathToFileURL(path.join(root, "lib/b.bin")).href);
    assert.equal((await exports.load()).name, 3);
  });

  test("rejects what it cannot link", async () => {
    const b = { "b.mjs": "export const b = 1;\n" };
    for (const [text, said] of [
      ['import b from "./b.mjs";\n', /cannot link "import b/],
      ["export default 1;\n", /cannot link "export default/],
      ["export const { c } = { c: 1 };\n", /cannot link "export const/],
      ['import { x } from "package";\n', /"package" is not beside/],
      ['import "./a.mjs";\n', /imports itself/],
      ['import "./none.mjs";\n', /ENOENT/],
    ]) {
      await assert.rejects(linked({ "a.mjs": text, ...b }), said, text);
    }
  });
});

describe("the demo's server", () => {
  /** A copy of the sources that a test may change, with what the build adds to them. */
  const copy = path.join(folder, "site");
  const pages = ["/app.js", "/shop/app.js", "/shop/map.js"];
  const workers = ["/pkg/search-worker-thread.js", "/pkg/worker-thread.js"];
  const fileOf = (pathname) => (pathname.startsWith("/pkg/") ? path.join(PKG, pathname.slice(4)) : path.join(ROOT, "www", pathname));

  test("sends the modules of the shop and of the workers as one file each, and again after a change", async (t) => {
    for (const pathname of [...pages, ...workers]) {
      for (const file of link(pathname, fileOf).files) {
        const target = path.join(copy, path.relative(ROOT, file));
        mkdirSync(path.dirname(target), { recursive: true });
        copyFileSync(file, target);
      }
    }
    const { server, address } = await serve({ "/": path.join(copy, "www"), "/pkg/": path.join(copy, "pkg") });
    t.after(() => server.close().closeAllConnections());
    const get = async (pathname, headers = {}) => {
      const response = await fetch(address.slice(0, -1) + pathname, { headers });
      return { status: response.status, type: response.headers.get("content-type"), tag: response.headers.get("etag"), text: await response.text() };
    };
    for (const pathname of [...pages, ...workers]) {
      const { status, type, text } = await get(pathname);
      assert.deepEqual([status, type], [200, "text/javascript; charset=utf-8"]);
      assert.doesNotMatch(text, /^import\b|^export\b.* from /m, pathname);
      assert.ok(text.split("\n").length > 1000, pathname);
    }
    const before = await get(pages[1]);
    assert.equal((await get(pages[1], { "if-none-match": before.tag })).status, 304);
    // A page without a network has these and no other script.
    const { files } = JSON.parse((await get("/site.json")).text);
    assert.deepEqual(files.filter((name) => name.endsWith(".js")), [...pages, ...workers].map((pathname) => `.${pathname}`));
    const file = path.join(copy, "www/shop/elements.js");
    writeFileSync(file, `${readFileSync(file, "utf8")}\n// changed\n`);
    utimesSync(file, new Date(), new Date(Date.now() + 5000));
    const changed = await get(pages[1], { "if-none-match": before.tag });
    assert.deepEqual([changed.status, changed.text.includes("// changed")], [200, true]);
  });

  test("sends a module as it is if a part of it is missing", async (t) => {
    const { server, address } = await serve({ "/": path.join(ROOT, "www"), "/pkg/": folder });
    t.after(() => server.close().closeAllConnections());
    const text = await (await fetch(`${address}shop/app.js`)).text();
    assert.equal(text, readFileSync(path.join(ROOT, "www/shop/app.js"), "utf8"));
  });
});
