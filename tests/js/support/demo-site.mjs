// Opens pages of the demo's site in headless Chromium, for test files of node:test.
import { after, afterEach, before } from "node:test";
import { demoRoots, serve } from "../../../www/serve.mjs";
import { launchChromium } from "./chromium.mjs";
import { FIXTURES, m3eFolder } from "./paths.mjs";

/** Chromium prints it where a page asks for a GPU and there is none. */
const NO_GPU = "No available adapters.";

const DESKTOP = { width: 1280, height: 860 };
export const PHONE = { width: 390, height: 844 };

/**
 * Serves the demo, and launches Chromium, before the tests of the calling file. `makeRoots` returns the folders to serve;
 * by default m3e-small and the fixtures. Returns the site. Its fields are valid inside a test:
 *
 * | field | value |
 * |---|---|
 * | address | the URL of the demo page |
 * | open(where, options) | opens a page at a path below the address; the page is closed after the test |
 * | context | the browser context of that page |
 * | complaints | console errors, exceptions, policy violations and requests to other servers of the page opened last |
 */
export function useDemoSite(makeRoots = () => ({ ...demoRoots(m3eFolder()), "/fixtures/": FIXTURES })) {
  let browser;
  let server;
  let context;
  const site = {
    address: undefined,
    complaints: [],
    open,
    get context() {
      return context;
    },
  };

  before(async () => {
    browser = await launchChromium();
    ({ server, address: site.address } = await serve(await makeRoots()));
  });
  afterEach(() => context?.close());
  after(async () => {
    await browser?.close();
    server?.close().closeAllConnections();
  });

  async function open(where = "", { viewport = DESKTOP, locale = "zh-CN", colorScheme = "light", prepare } = {}) {
    context = await browser.newContext({ viewport, locale, colorScheme });
    context.setDefaultTimeout(120_000); // the machine may be busy
    const page = await context.newPage();
    const complaints = (site.complaints = []);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && message.text() !== NO_GPU) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on(
      "request",
      (request) => request.url().startsWith(site.address) || complaints.push(`request to ${request.url()}`),
    );
    await page.addInitScript(() =>
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
      ),
    );
    await prepare?.(page);
    await page.goto(site.address + where);
    return page;
  }

  return site;
}

/** Resolves when the demo page shows a ranking. */
export const ready = (page) => page.locator("#results li").first().waitFor();
