// The exact kernels give the bits that they give natively (tests/bits.rs): in Node and in headless Chromium, by both
// binaries.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { hasRelaxedSimd } from "../../pkg/lib/simd.js";
import { serve } from "../../www/serve.mjs";
import { differing } from "./support/bits.mjs";
import { launchChromium } from "./support/chromium.mjs";
import { Corom } from "./support/corom.mjs";
import { FIXTURES, PKG, ROOT, readJson } from "./support/paths.mjs";

const GOLDEN = readJson(path.join(FIXTURES, "bits/golden.json"));

test("the golden file has something to compare", () => {
  assert.deepEqual(
    GOLDEN.cases.map(({ vectors }) => vectors.length),
    GOLDEN.cases.map(() => GOLDEN.texts.length),
  );
  assert.ok(GOLDEN.cases.length >= 6 && GOLDEN.texts.length >= 6);
  assert.ok(GOLDEN.cases.every(({ vectors }) => vectors.every((bits) => /^([0-9a-f]{8})+$/.test(bits))));
});

test("one bit is enough to be found", async () => {
  const [first] = GOLDEN.cases;
  const vectors = first.vectors.with(2, first.vectors[2].replace(/.$/, (c) => (c === "0" ? "1" : "0")));
  const { texts } = GOLDEN;
  const wrong = await differing(Corom, { texts, cases: [{ ...first, vectors }] }, folderOf, "plain");
  assert.deepEqual(
    wrong.map(({ text }) => text),
    [texts[2], texts[2]],
  );
});

const folderOf = (folder) => path.join(FIXTURES, folder);

test("the plain binary in Node", async () => {
  assert.deepEqual(await differing(Corom, GOLDEN, folderOf, "plain"), []);
});

test("the relaxed binary in Node, with the exact kernels", async () => {
  const here = hasRelaxedSimd();
  assert.deepEqual(here ? await differing(Corom, GOLDEN, folderOf, "relaxed") : await inAnotherNode(), []);
});

/** Node 20 has relaxed SIMD behind a flag, later ones without. */
async function inAnotherNode() {
  const script = fileURLToPath(new URL("./support/bits.mjs", import.meta.url));
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--experimental-wasm-relaxed-simd", script, "relaxed"]);
  return JSON.parse(stdout);
}

let browser;
let site;
let address;
before(async () => {
  browser = await launchChromium();
  const support = path.join(import.meta.dirname, "support");
  const roots = { "/": path.join(ROOT, "www"), "/pkg/": PKG, "/fixtures/": FIXTURES, "/support/": support };
  ({ server: site, address } = await serve(roots));
});
after(async () => {
  await browser?.close();
  site?.close().closeAllConnections();
});

for (const simd of ["plain", "relaxed"]) {
  test(`the ${simd} binary in Chromium`, async () => {
    const page = await browser.newPage();
    await page.goto(`${address}support/page.html`);
    const wrong = await page.evaluate(
      async ({ golden, simd }) => {
        const { Corom } = await import("/pkg/browser.js");
        const { differing } = await import("/support/bits.mjs");
        return differing(Corom, golden, (folder) => `/fixtures/${folder}`, simd);
      },
      { golden: GOLDEN, simd },
    );
    assert.deepEqual(wrong, []);
    await page.close();
  });
}
