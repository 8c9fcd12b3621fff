// The kernels give the same bits in headless Chromium as in a native build: the exact ones through the package's two
// binaries (golden vectors of tests/bits.rs), and all of them alone (golden hashes of benches/kernels).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, servePackage } from "../support/chromium.mjs";
import { checkGolden } from "../support/kernels.mjs";
import { GOLDEN_BITS } from "../support/paths.mjs";

let browser;
let site;
let page;
before(async () => {
  [browser, site] = await Promise.all([launchChromium(), servePackage()]);
  page = await browser.newPage();
  await page.goto(`${site.address}support/page.html`);
});
after(async () => {
  await browser?.close();
  await site?.close();
});

for (const simd of ["plain", "relaxed"]) {
  describe(`the ${simd} binary in Chromium`, () => {
    test("gives the golden bits of every fixed model with the exact kernels", async () => {
      const wrong = await page.evaluate(
        async ({ golden, simd }) => {
          const { Corom } = await import("/pkg/browser.js");
          const { differing } = await import("/support/bits.mjs");
          return differing(Corom, golden, (folder) => `/fixtures/${folder}`, simd);
        },
        { golden: GOLDEN_BITS, simd },
      );
      assert.deepEqual(wrong, []);
    });
  });

  describe(`the ${simd} build of the kernels in Chromium`, () => {
    test("gives the golden hash of every case", async () => {
      const report = await page.evaluate(async (simd) => {
        const { golden } = await import("/kernels/suite.mjs");
        const response = await fetch(`/kernels-wasm/${simd}.wasm`);
        return golden({ bytes: new Uint8Array(await response.arrayBuffer()) });
      }, simd);
      checkGolden(report);
    });
  });
}
