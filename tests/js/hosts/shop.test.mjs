// The shop page in headless Chromium.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { PHONE } from "../support/demo-site.mjs";
import { PRODUCTS, useShopSite } from "../support/shop-site.mjs";

const site = useShopSite();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const hits = (page) => page.locator("#hits > li");
const ids = (page) => hits(page).evaluateAll((cards) => cards.map((card) => card.dataset.id));
const total = async (page) => Number((await page.textContent("#status")).match(/\d+/)[0]);
const groups = (keeps) => new Set(PRODUCTS.filter(keeps).map(({ group }) => group)).size;
const until = (page, check, argument) => page.waitForFunction(check, argument, { timeout: 60_000 });
const totalIs = (page, count) => until(page, (wanted) => Number(document.querySelector("#status").textContent.match(/\d+/)?.[0]) === wanted, count);
const modeIs = (page, mode) => until(page, (wanted) => document.body.dataset.mode === wanted, mode);
const modelReady = (page) => page.locator("#model-bar.gone").waitFor({ state: "attached" });
const box = (page) => page.getByRole("combobox", { name: "搜索商品" });

async function open(where = "", options) {
  const page = await site.open(`shop.html${where}`, options);
  await hits(page).first().waitFor();
  return page;
}

describe("the shop", () => {
  test("browses at once, finds by keywords while the model loads, then by meaning too", async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const page = await open("", { prepare: (page) => page.route("**/model/*.onnx*", async (route) => (await held, route.continue())) });
    assert.equal(await total(page), groups(() => true));
    assert.equal(await hits(page).count(), 24);
    const [first] = await ids(page);
    assert.equal(PRODUCTS.find(({ id }) => id === first).sales, Math.max(...PRODUCTS.map(({ sales }) => sales)));
    await box(page).fill("保温杯");
    await modeIs(page, "keyword");
    assert.ok((await hits(page).first().locator("mark").allTextContents()).join("").includes("保温杯"));
    release();
    await modelReady(page);
    await modeIs(page, "hybrid");
    assert.match(await page.textContent("#model-text"), /语义模型就绪/);
    assert.deepEqual(site.complaints, []);
  });

  test("suggests words, also for pinyin, by keyboard and pointer", async () => {
    const page = await open();
    await box(page).pressSequentially("baowen");
    const options = page.getByRole("option");
    await options.filter({ hasText: "保温杯" }).first().waitFor();
    assert.equal(await box(page).getAttribute("aria-expanded"), "true");
    await box(page).press("ArrowDown");
    const active = await box(page).getAttribute("aria-activedescendant");
    const text = await page.locator(`#${active}`).evaluate((option) => option.firstChild.textContent);
    await box(page).press("Enter");
    assert.equal(await box(page).inputValue(), text);
    await page.locator("#suggestions").waitFor({ state: "hidden" });
    await box(page).fill("机械");
    await options.first().click();
    assert.match(await box(page).inputValue(), /机械/);
    await box(page).pressSequentially("键");
    await box(page).press("Escape");
    await page.locator("#suggestions").waitFor({ state: "hidden" });
  });

  test("filters with counts that stay when a value is chosen", async () => {
    const page = await open();
    const category = (name) => page.getByRole("group", { name: "类目" }).locator("label", { hasText: name });
    const counts = () => page.getByRole("group", { name: "类目" }).locator("label").allTextContents();
    const before = await counts();
    await category("数码").getByRole("checkbox").check();
    await totalIs(page, groups((item) => item.category === "数码"));
    assert.deepEqual((await counts()).sort(), before.sort());
    await category("厨房").getByRole("checkbox").check();
    await totalIs(page, groups((item) => ["数码", "厨房"].includes(item.category)));
    await page.getByLabel("最高价").first().fill("200");
    await page.getByLabel("最高价").first().blur();
    const cheap = (item) => ["数码", "厨房"].includes(item.category) && item.price <= 200;
    await totalIs(page, groups(cheap));
    await page.getByLabel("有货").check();
    await totalIs(page, groups((item) => cheap(item) && item.stock));
    const address = page.url();
    await page.goto(address);
    await totalIs(page, groups((item) => cheap(item) && item.stock));
    await page.getByRole("button", { name: "清除筛选" }).click();
    await totalIs(page, groups(() => true));
    assert.deepEqual(site.complaints, []);
  });

  test("sorts, shows more, groups variants, and finds similar products", async () => {
    const page = await open();
    await page.getByLabel("排序").selectOption("price");
    const prices = async () => (await page.locator("#hits .price b").allTextContents()).map((text) => Number(text.slice(1)));
    await until(page, () => {
      const list = [...document.querySelectorAll("#hits .price b")].map((node) => Number(node.textContent.slice(1)));
      return list.every((price, i) => i === 0 || list[i - 1] <= price);
    });
    const first = await prices();
    await page.getByRole("button", { name: "更多" }).click();
    await until(page, () => document.querySelectorAll("#hits > li").length === 48);
    assert.deepEqual((await prices()).slice(0, 24), first);
    const [id] = await ids(page);
    await hits(page).first().getByRole("button", { name: "款式" }).click();
    await hits(page).first().locator(".variants li").first().waitFor();
    const { group } = PRODUCTS.find((item) => item.id === id);
    assert.equal(await hits(page).first().locator(".variants li").count(), PRODUCTS.filter((item) => item.group === group).length);
    await modelReady(page);
    await hits(page).first().getByRole("button", { name: "相似" }).click();
    await page.getByText(/相似的商品/).waitFor();
    await page.getByRole("button", { name: "返回结果" }).click();
    await page.getByText(/相似的商品/).waitFor({ state: "hidden" });
    assert.deepEqual(site.complaints, []);
  });

  test("shows two modes side by side, tokens, timings, the evaluation and the map", async () => {
    const page = await open("?q=保温杯");
    await modelReady(page);
    await page.getByLabel("并排比较").check();
    await page.locator("#others > li").first().waitFor();
    await page.getByLabel("混合").check();
    await page.locator("#others").waitFor({ state: "hidden" });
    await page.getByText("运行情况").click();
    await page.locator("#tokens .token").first().waitFor();
    assert.match(await page.locator("#fact-list").innerText(), /首批混合结果/);
    assert.match(await page.locator("#evaluation").innerText(), /0\.500 \(25 %\)/);
    await page.getByText("结果地图").click();
    await page.locator("#map circle.ring").waitFor();
    assert.ok((await page.locator("#map circle").count()) > 2);
    assert.deepEqual(site.complaints, []);
  });

  test("nothing is found: it says so; a mistake of the site is shown", async () => {
    const page = await open();
    await page.getByLabel("关键词").check();
    await box(page).fill("xvvvj");
    await page.getByText("没有找到商品").waitFor();
    const broken = await site.open("shop.html", { prepare: (page) => page.route("**/catalog/catalog.json", (route) => route.fulfill({ status: 404 })) });
    await broken.locator("#failure").waitFor();
    assert.match(await broken.textContent("#failure-text"), /MISSING_FILE/);
  });
});

describe("everywhere", () => {
  test("works without a network after the first load", async () => {
    const page = await open();
    await modelReady(page);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => caches.has("corom-shop-1"));
    await site.context.setOffline(true);
    await page.reload();
    await hits(page).first().waitFor();
    await modelReady(page);
    await box(page).fill("蓝牙耳机");
    await modeIs(page, "hybrid");
    assert.ok((await total(page)) > 0);
    await site.context.setOffline(false);
  });

  for (const viewport of [undefined, PHONE]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`axe finds nothing, ${viewport ? "phone" : "desktop"}, ${colorScheme}; nothing is wider than the page or moves`, async () => {
        const prepare = (page) =>
          page.addInitScript(() => {
            globalThis.moved = [];
            new PerformanceObserver((list) => {
              for (const { value, hadRecentInput, sources } of list.getEntries()) {
                if (!hadRecentInput) globalThis.moved.push([value, ...sources.map(({ node }) => node?.id || node?.className || String(node?.nodeName))]);
              }
            }).observe({ type: "layout-shift", buffered: true });
          });
        const page = await open("?q=保温杯", { viewport, colorScheme, prepare });
        await modelReady(page);
        await modeIs(page, "hybrid");
        const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(width, 0);
        const moved = await page.evaluate(() => globalThis.moved);
        const sum = moved.reduce((all, [value]) => all + value, 0);
        assert.ok(sum < 0.05, JSON.stringify(moved));
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 160))]), []);
      });
    }
  }

  test("is in English too", async () => {
    const page = await open("", { locale: "en-US" });
    await page.getByRole("combobox", { name: "Search products" }).fill("耳机");
    await until(page, () => /products · (keyword|hybrid)/.test(document.querySelector("#status").textContent));
    await page.getByRole("button", { name: "中文" }).click();
    await page.getByText("筛选").first().waitFor();
  });
});
