// Pages over the small shop, with libraries, bundled by esbuild: what they leave in the global `outcome`.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { SHOP_MODEL, withShop } from "../../js/support/shop.mjs";
import { INSTALLED, MODULES, project } from "./places.mjs";
import { outcomeOf, site } from "./site.mjs";

/** Functions for the script of a page: it calls `finish(main)`, and the value of `main` is the outcome. */
export const PAGE_FUNCTIONS = `
async function until(check) {
  for (let i = 0; i < 800; i++) {
    const value = check();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the page does not change: " + document.body.innerText.slice(0, 500));
}
const finish = (main) => main().then((outcome) => (globalThis.outcome = outcome), (e) => (globalThis.outcome = { error: String(e?.stack ?? e) }));
`;

/** Bundles `main.js` of a project with these files. Returns the folder of the page, which has an element with the id `app`. */
export async function bundlePage(name, files) {
  const folder = project(name, {
    ...files,
    "main.js": `${PAGE_FUNCTIONS}${files["main.js"]}`,
    "out/index.html": '<!doctype html><meta charset="utf-8"><title>shop</title><body><div id="app"></div><script type="module" src="./main.js"></script>',
  });
  await build({
    absWorkingDir: folder,
    entryPoints: ["main.js"],
    outdir: "out",
    bundle: true,
    format: "esm",
    loader: { ".wasm": "file" },
    logLevel: "silent",
    nodePaths: [MODULES],
    alias: { corom: INSTALLED },
    define: { "process.env.NODE_ENV": '"production"', __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false" },
  });
  return path.join(folder, "out");
}

/** Serves a page with the package at /corom/, the shop's catalog and its model, and returns what it leaves in `outcome`. */
export async function outcomeOfPage(browser, folder, { policy = "" } = {}) {
  await withShop((catalog) => cpSync(catalog, path.join(folder, "catalog"), { recursive: true }));
  cpSync(SHOP_MODEL, path.join(folder, "model"), { recursive: true });
  const served = await site(folder, { policy, mounts: { "/corom/": INSTALLED } });
  try {
    const { outcome } = await outcomeOf(browser, served.address);
    assert.equal(outcome.error, undefined);
    return outcome;
  } finally {
    await served.close();
  }
}
