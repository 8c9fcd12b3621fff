// Chromium and a server of pages for all tests of a file: a browser context per test, and no fault at the start of a test.
import { after, afterEach, before, beforeEach } from "node:test";
import { launchChromium } from "./chromium.mjs";
import { faultServer } from "./fault-server.mjs";

/**
 * Starts Chromium and a server of `files` before the tests of the calling file. Returns `{ site, context, open }`:
 * `open(prepare)` opens page.html in the test's context, and runs `prepare` in the page before its scripts.
 */
export function browserSite(files) {
  const here = {
    async open(prepare) {
      const page = await here.context.newPage();
      if (prepare) await page.addInitScript(prepare);
      await page.goto(`${here.site.address}page.html`);
      return page;
    },
  };
  let browser;
  before(async () => ([browser, here.site] = await Promise.all([launchChromium(), faultServer(files)])));
  after(async () => {
    await browser?.close();
    await here.site?.close();
  });
  beforeEach(async () => (here.context = await browser.newContext()));
  afterEach(async () => {
    await here.context.close();
    Object.assign(here.site, { files, fault: undefined });
    here.site.take();
  });
  return here;
}
