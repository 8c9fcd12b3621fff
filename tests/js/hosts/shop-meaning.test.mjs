// The shop page with a real model: a stranger with a phone finds a product by words that its title does not have, also
// without a network.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { SCHEMA, products } from "../../../examples/shop/products.mjs";
import { demoRoots } from "../../../www/serve.mjs";
import { corom } from "../support/converter.mjs";
import { PHONE, useDemoSite } from "../support/demo-site.mjs";
import { m3eFolder } from "../support/paths.mjs";

/** A customer's words for a humidifier. No title has two of these characters side by side. */
const QUERY = "不吵邻居的北方暖气房往空气里喷水的";

const folder = mkdtempSync(path.join(tmpdir(), "corom-shop-meaning-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const site = useDemoSite(() => {
  const write = (name, text) => (writeFileSync(path.join(folder, name), text), path.join(folder, name));
  const items = write("items.jsonl", products(120).items.map((item) => JSON.stringify(item)).join("\n"));
  const catalog = path.join(folder, "catalog");
  const built = corom("index", "build", items, catalog, "--schema", write("schema.json", JSON.stringify(SCHEMA)), "--model", m3eFolder(), "--codes", "yes");
  assert.equal(built.status, 0, built.stderr);
  return demoRoots(m3eFolder(), { catalog });
});

const says = (page, text) => page.locator("#status", { hasText: text }).waitFor();
const firstTitle = (page) => page.locator("#hits > li .name").first().textContent();

test("a description that shares no word with a title finds the product, with and without a network", async () => {
  const page = await site.open("shop.html", { viewport: PHONE });
  await page.getByLabel("关键词", { exact: true }).check();
  await page.locator("#query").fill(QUERY);
  await says(page, /没有找到商品|标题里没有这些词/);
  await page.getByLabel("混合", { exact: true }).check();
  await says(page, "混合搜索");
  assert.match(await firstTitle(page), /加湿器/);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => caches.has("corom-shop-1"));
  await page.locator("#facts > summary").click();
  await page.locator("#fact-list dt", { hasText: "没有网络时" }).waitFor();
  await site.context.setOffline(true);
  await page.reload();
  await says(page, "混合搜索");
  assert.match(await firstTitle(page), /加湿器/);
});
