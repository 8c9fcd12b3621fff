// Headless Chromium: the pages in examples/, served as their READMEs say.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { exampleRoots } from "../../../examples/serve.mjs";
import { serve } from "../../../www/serve.mjs";
import { launchChromium } from "../support/chromium.mjs";
import { m3eFolder } from "../support/paths.mjs";

let browser;
let site;
let context;
/** Console errors, exceptions and requests to another server. */
let complaints;

before(async () => (browser = await launchChromium()));
after(() => browser?.close());
afterEach(async () => {
  await context?.close();
  site?.server.close().closeAllConnections();
});

async function open(example) {
  site = await serve(exampleRoots(example, m3eFolder()));
  context = await browser.newContext({ locale: "zh-CN" });
  const page = await context.newPage();
  complaints = [];
  page.on("console", (message) => {
    const isIcon = message.location().url.endsWith("/favicon.ico"); // the pages have none
    if (["error", "warning"].includes(message.type()) && !isIcon) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(site.address) || complaints.push(request.url()));
  await page.goto(site.address);
  return page;
}

const query = (page) => page.getByLabel("商品搜索");
const first = (page, text) => page.locator("#results li:first-child", { hasText: text });

/** Returns the shown scores. */
const scores = async (page) => (await page.locator("#results li span").allTextContents()).map(Number);

function assertCosinesBestFirst(shown) {
  assert.equal(shown.length, 5);
  assert.deepEqual(
    shown,
    [...shown].sort((a, b) => b - a),
  );
  assert.ok(shown[0] <= 1.001 && shown.at(-1) >= -1.001, `cosines: ${shown}`);
}

describe("examples/page-search", () => {
  test("searches on every keystroke", async () => {
    const page = await open("page-search");
    await query(page).fill("无线耳机", { timeout: 60_000 });
    await first(page, "耳机").waitFor();
    assertCosinesBestFirst(await scores(page));
    await query(page).fill("婴儿奶粉");
    await first(page, "奶粉").waitFor();
    await query(page).fill("");
    await page.locator("#results:empty").waitFor({ state: "attached" });
    assert.deepEqual(complaints, []);
  });

  test("a newer keystroke replaces an older one", async () => {
    const page = await open("page-search");
    await query(page).fill("", { timeout: 60_000 }); // waits for the model
    await query(page).pressSequentially("不粘锅炒锅", { delay: 1 });
    await first(page, "炒锅").waitFor();
    assert.deepEqual(complaints, []);
  });
});

describe("examples/page-worker", () => {
  test("ranks what was typed during the load, releases the memory, and loads again", async () => {
    const page = await open("page-worker");
    await query(page).fill("无线耳机");
    await first(page, "耳机").waitFor({ timeout: 60_000 });
    assertCosinesBestFirst(await scores(page));
    await page.locator("#status", { hasText: /^[1-9]\d* MiB$/ }).waitFor();

    await page.getByRole("button", { name: "释放内存" }).click();
    await page.locator("#status", { hasText: /^0 MiB$/ }).waitFor();
    await query(page).fill("婴儿奶粉");
    await first(page, "奶粉").waitFor({ timeout: 60_000 });
    assert.deepEqual(complaints, []);
  });
});
