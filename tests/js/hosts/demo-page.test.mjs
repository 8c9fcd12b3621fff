// The demo page in headless Chromium, and its server.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { describe, test } from "node:test";
import { PAGE } from "../../../www/samples.js";
import { PHONE, ready, useDemoSite } from "../support/demo-site.mjs";
import { ROOT, exportFolder } from "../support/paths.mjs";
import { TRAINED } from "../support/rerankers.mjs";

const APP = path.join(ROOT, "www/app.js");
const site = useDemoSite();

const results = (page) => page.locator("#results li");
const settled = (page) => page.locator('#results[aria-busy="false"]').waitFor();
const scores = async (page) => (await page.locator("#results .score").allTextContents()).map(Number);

describe("the demo page", () => {
  test("ranks the candidates, and causes no console error", async () => {
    const page = await site.open();
    await ready(page);
    assert.equal(await results(page).count(), PAGE.candidates.length);
    const shown = await scores(page);
    assert.deepEqual(
      shown,
      [...shown].sort((a, b) => b - a),
      "best first",
    );
    const names = await page.locator("#results .name").allTextContents();
    assert.deepEqual([...names].sort(), [...PAGE.candidates].sort());
    assert.ok(
      names.slice(0, 4).every((name) => name.includes("裤")),
      `trousers first: ${names}`,
    );

    // The bars are animated.
    await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
    const widths = await page.locator("#results .bar i").evaluateAll((bars) =>
      bars.map((bar) => {
        const { right } = bar.getBoundingClientRect();
        const track = bar.parentElement.getBoundingClientRect();
        return (right - track.left) / track.width;
      }),
    );
    assert.ok(Math.abs(widths[0] - 1) < 0.01 && widths.at(-1) > 0 && widths.at(-1) < 0.1, `bars: ${widths}`);
    widths.reduce((before, width) => (assert.ok(width <= before + 0.01), width));

    assert.ok(await page.locator("#loading").isHidden());
    assert.ok(await page.locator("#failure").isHidden());
    const facts = await page.locator("#fact-list").innerText();
    for (const fact of ["512", "21,128", "f32", "MiB"]) assert.ok(facts.includes(fact), facts);
    assert.deepEqual(site.complaints, []);
  });

  test("ranks again for another query, metric and list; an empty query shows a hint", async () => {
    const page = await site.open();
    await ready(page);
    await page.getByLabel("搜索词", { exact: true }).fill("无线耳机");
    await page.locator("#results li:first-child .name", { hasText: "耳机" }).waitFor();
    await page.getByLabel("余弦").check();
    await page.waitForFunction(() => Number(document.querySelector("#results .score").textContent) <= 1);
    await page.getByLabel("L2 距离").check();
    await page.waitForFunction(() => Number(document.querySelector("#results .score").textContent) > 1);
    await settled(page);
    const distances = await scores(page);
    assert.deepEqual(
      distances,
      [...distances].sort((a, b) => a - b),
      "the nearest first",
    );
    await page.getByLabel(/^候选商品/).fill("奶粉\n\n  耳机  \n");
    await page.waitForFunction(() => document.querySelectorAll("#results li").length === 2);
    assert.deepEqual(await page.locator("#results .name").allTextContents(), ["耳机", "奶粉"]);
    await page.getByLabel("搜索词", { exact: true }).fill("");
    await page.getByText("请输入搜索词。").waitFor();
    assert.equal(await results(page).count(), 0);
    assert.deepEqual(site.complaints, []);
  });

  test("is in Chinese or English, and remembers the choice", async () => {
    const page = await site.open("", { locale: "de-DE" });
    assert.equal(await page.title(), "CoROM product matching");
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    await ready(page);
    await page.getByRole("button", { name: "中文" }).click();
    assert.equal(await page.title(), "CoROM 商品语义匹配");
    await page.getByText("运行情况").waitFor();
    await page.reload();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
    const left = await page.evaluate(() => {
      const words = [...document.querySelectorAll("[data-text]")].map((element) => [
        element.dataset.text,
        element.textContent,
      ]);
      return words.filter(([key, text]) => text === key || text === "");
    });
    assert.deepEqual(left, [], "every text is translated");
  });

  test("runs with either binary", async () => {
    for (const [simd, words] of [
      ["plain", "128 位"],
      ["relaxed", "128 位，relaxed"],
    ]) {
      const page = await site.open(`?simd=${simd}`);
      await ready(page);
      await page.locator("#fact-list dd", { hasText: new RegExp(`^${words}$`) }).waitFor();
      assert.deepEqual(site.complaints, []);
      await page.context().close();
    }
  });

  test("fits a phone in light and dark, and all controls can be reached by keyboard", async () => {
    for (const colorScheme of ["light", "dark"]) {
      const page = await site.open("", { viewport: PHONE, colorScheme });
      await ready(page);
      await page.locator("#tokens summary").click();
      const { scroll, width } = await page.evaluate(() => ({
        scroll: document.documentElement.scrollWidth,
        width: innerWidth,
      }));
      assert.ok(scroll <= width, `${scroll} px wide on ${width}`);
      const small = await page.evaluate(
        () =>
          [...document.querySelectorAll("input[type=search], textarea")].filter(
            (field) => parseFloat(getComputedStyle(field).fontSize) < 16,
          ).length,
      );
      assert.equal(small, 0, "fields that phones zoom into");
      await page.context().close();
    }
    const page = await site.open();
    await ready(page);
    const reached = new Set();
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      reached.add(
        await page.evaluate(
          () =>
            document.activeElement.id ||
            document.activeElement.dataset.language ||
            document.activeElement.name ||
            document.activeElement.tagName,
        ),
      );
    }
    for (const control of ["zh", "en", "query", "candidates", "metric", "folder"])
      assert.ok(reached.has(control), `${control} is not among ${[...reached]}`);
    const unlabelled = await page.evaluate(
      () =>
        [...document.querySelectorAll("input, textarea, button")].filter(
          (field) => !field.labels?.length && !field.textContent.trim(),
        ).length,
    );
    assert.equal(unlabelled, 0);
  });

  test("shows a failed load with its code, and loads on Try again", async () => {
    let broken = true;
    const prepare = (page) =>
      page.route("**/model/**", (route) =>
        broken ? route.fulfill({ contentType: "text/html", body: "<!doctype html><p>Not here" }) : route.continue(),
      );
    const page = await site.open("", { locale: "en-GB", prepare });
    const failure = page.getByRole("alert");
    await failure.getByText("The server sent a web page instead of a model file.").waitFor();
    await failure.locator("summary").click();
    await failure.getByText("NOT_A_MODEL").waitFor();
    broken = false;
    await failure.getByRole("button", { name: "Try again" }).click();
    await ready(page);
    assert.ok(await failure.isHidden());
  });

  test("hides an error when the next ranking works", async () => {
    const page = await site.open("", { locale: "en-GB" });
    // The server links the page's modules. The page's class can be reached if they come one by one.
    await page.route("**/app.js", (route) => route.fulfill({ path: APP, contentType: "text/javascript" }));
    await page.reload();
    await ready(page);
    await page.evaluate(async () => {
      const { Corom } = await import("./pkg/browser.js");
      const { rank } = Corom.prototype;
      Corom.prototype.rank = async () => {
        Corom.prototype.rank = rank;
        throw new Error("only once");
      };
    });
    const failure = page.getByRole("alert");
    await page.locator("#query").fill("手机");
    await failure.waitFor();
    await page.locator("#query").fill("无线耳机");
    await page.locator("#results li:first-child .name", { hasText: "耳机" }).waitFor();
    await settled(page);
    assert.ok(await failure.isHidden());
  });

  test("opens a model folder of this device", async () => {
    const page = await site.open();
    await ready(page);
    await page.locator("#folder").setInputFiles(exportFolder("legacy-op14"));
    await page.locator("#fact-list dd", { hasText: /^326$/ }).waitFor();
    await settled(page);
    assert.deepEqual(site.complaints, []);
  });
});

test("the demo page sorts the results again with a reranker of this device", async () => {
  const page = await site.open("", { locale: "en-GB" });
  await ready(page);
  await settled(page);
  const before = await page.locator("#results .name").allTextContents();
  assert.ok(await page.locator("#rerank").isDisabled());
  await page.locator("#reranker-folder").setInputFiles(TRAINED); // a checkpoint: it is converted first
  await page.getByText(`${before.length} of ${before.length} candidates reranked`).waitFor();
  await settled(page);
  const [shown, names] = [await scores(page), await page.locator("#results .name").allTextContents()];
  assert.deepEqual(shown, [...shown].sort((a, b) => b - a));
  assert.ok(shown.every((score) => score >= 0 && score <= 1), String(shown));
  assert.deepEqual([...names].sort(), [...before].sort());
  await page.locator("#rerank").uncheck();
  await page.getByText(`${before.length} candidates in`).waitFor();
  await settled(page);
  assert.deepEqual(await page.locator("#results .name").allTextContents(), before);
  await page.locator("#reranker-folder").setInputFiles(exportFolder("legacy-op14"));
  await page.getByRole("alert").getByText("These files do not contain a model").waitFor();
});

test("the demo's server serves its folders and nothing outside", async () => {
  const inside = await fetch(`${site.address}index.html`);
  assert.equal(inside.status, 200);
  assert.match(inside.headers.get("content-security-policy"), /script-src 'self' 'wasm-unsafe-eval'/);
  assert.match(
    (await fetch(`${site.address}pkg/wasm/corom.wasm`, { method: "HEAD" })).headers.get("content-type"),
    /^application\/wasm$/,
  );
  const status = (target, method = "GET") =>
    new Promise((resolve, reject) => {
      request({ port: new URL(site.address).port, path: target, method }, (response) =>
        resolve(response.resume().statusCode),
      )
        .on("error", reject)
        .end();
    });
  for (const target of [
    "/../Cargo.toml",
    "/%2e%2e/Cargo.toml",
    "/pkg/../../Cargo.toml",
    "/pkg/..%2f..%2fCargo.toml",
    "/model//../../x",
    "/..%5cCargo.toml",
    "/%00",
    "/%",
    "/.git/config",
    "/nothing",
  ]) {
    assert.equal(await status(target), 404, target);
  }
  assert.equal(await status("/index.html", "POST"), 405);
  assert.ok(existsSync(path.join(ROOT, "Cargo.toml")), "the file outside exists");
});
