// A page of Chromium with a GPU that the processor emulates, and the driver of tests in it (gpu-driver.js).
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import { GPU_FLAGS, launchChromium, servePackage } from "./chromium.mjs";
import { FIXTURES } from "./paths.mjs";

const base64 = (bytes) => Buffer.from(bytes).toString("base64");

/** Returns the files of a folder, or in memory, as base64 by path. */
export function filesOf(source) {
  if (typeof source !== "string") return Object.fromEntries(Object.entries(source).map(([name, bytes]) => [name, base64(bytes)]));
  const names = readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map((entry) => path.relative(source, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
  return Object.fromEntries(paths.filter((name) => !name.includes("golden")).map((name) => [name, base64(readFileSync(path.join(source, name)))]));
}

/** A converted folder with a self-test and int8 weights. */
export const INT8 = filesOf(path.join(FIXTURES, "bits/int8"));

/** Opens a page for the tests of a file. Returns a function that calls `work(driver, given)` in it. */
export function driverPage() {
  let browser;
  let site;
  let page;
  before(async () => {
    [browser, site] = await Promise.all([launchChromium(GPU_FLAGS), servePackage()]);
    page = await browser.newPage();
    await page.goto(`${site.address}support/page.html`);
  });
  after(async () => {
    await browser?.close();
    await site?.close();
  });
  return (work, given) =>
    page.evaluate(`import("/support/gpu-driver.js").then((driver) => (${work})(driver, ${JSON.stringify(given) ?? "undefined"}))`);
}
