// The demo page in headless Chromium, and the package under the Content-Security-Policy that the documentation gives.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { demoRoots, serve } from "../../../www/serve.mjs";
import { PAGE } from "../../../www/samples.js";
import { launchChromium } from "../support/chromium.mjs";
import { cosine, maxAbs } from "../support/corom.mjs";
import { FIXTURES, ROOT, exportFolder, golden, goldenM3e, m3eFolder } from "../support/paths.mjs";

const DESKTOP = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

let browser;
let site;
let address;

before(async () => {
  browser = await launchChromium();
  ({ server: site, address } = await serve({ ...demoRoots(m3eFolder()), "/fixtures/": FIXTURES }));
});
after(async () => {
  await browser?.close();
  site?.close().closeAllConnections();
});

/** Console errors, exceptions, violations of the policy and requests to other servers, of the page that is open. */
let complaints = [];
let context;
afterEach(() => context?.close());

async function open(where = "", { viewport = DESKTOP, locale = "zh-CN", colorScheme = "light", prepare } = {}) {
  context = await browser.newContext({ viewport, locale, colorScheme });
  context.setDefaultTimeout(120_000); // the machine may be busy
  const page = await context.newPage();
  complaints = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(address) || complaints.push(`request to ${request.url()}`));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  await prepare?.(page);
  await page.goto(address + where);
  return page;
}

const results = (page) => page.locator("#results li");
const ready = (page) => results(page).first().waitFor();
const settled = (page) => page.locator('#results[aria-busy="false"]').waitFor();
const scores = async (page) => (await page.locator("#results .score").allTextContents()).map(Number);

describe("the demo page", () => {
  test("ranks the candidates, and causes no console error", async () => {
    const page = await open();
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
    assert.deepEqual(complaints, []);
  });

  test("ranks again for another query, metric and list; an empty query shows a hint", async () => {
    const page = await open();
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
    assert.deepEqual(complaints, []);
  });

  test("is in Chinese or English, and remembers the choice", async () => {
    const page = await open("", { locale: "de-DE" });
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
      const page = await open(`?simd=${simd}`);
      await ready(page);
      await page.locator("#fact-list dd", { hasText: new RegExp(`^${words}$`) }).waitFor();
      assert.deepEqual(complaints, []);
      await context.close();
    }
  });

  test("fits a phone in light and dark, and all controls can be reached by keyboard", async () => {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open("", { viewport: PHONE, colorScheme });
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
      await context.close();
    }
    const page = await open();
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
    const page = await open("", { locale: "en-GB", prepare });
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
    const page = await open("", { locale: "en-GB" });
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
    const page = await open();
    await ready(page);
    await page.locator("#folder").setInputFiles(exportFolder("legacy-op14"));
    await page.locator("#fact-list dd", { hasText: /^326$/ }).waitFor();
    await settled(page);
    assert.deepEqual(complaints, []);
  });
});

describe("the package in a page", () => {
  /** Embeds in the page; the policy of the demo applies. */
  const embedded = (page, source, options, texts) =>
    page.evaluate(
      async ([source, options, texts]) => {
        const { Corom } = await import("./pkg/browser.js");
        const corom = await Corom.load(source, options);
        const { data, rows, dimension } = await corom.embed(texts);
        const { simd } = corom.info;
        corom.free();
        return { data: [...data], rows, dimension, simd };
      },
      [source, options, texts],
    );

  test("gives PyTorch's vectors of m3e-small with both binaries", async () => {
    const { texts, vectors, max_length, min_cosine } = goldenM3e();
    const page = await open("favicon.svg");
    await page.goto(address);
    for (const simd of ["plain", "relaxed"]) {
      const { data, dimension, ...got } = await embedded(
        page,
        "./model/",
        { maxLength: max_length, simd, precision: "f32" },
        texts,
      );
      assert.deepEqual(got, { rows: texts.length, simd });
      vectors.mean.forEach((expected, i) => {
        const similarity = cosine(data.slice(i * dimension, (i + 1) * dimension), expected);
        assert.ok(similarity >= min_cosine, `${simd}: ${similarity} for ${texts[i]}`);
      });
    }
  });

  test("gives the golden vectors of five kinds of exports with both binaries", async () => {
    const page = await open();
    for (const name of ["legacy-op11", "dynamo-op20-sdpa", "classic-op13", "external-shards", "fused"]) {
      const { texts, vectors, max_length, tolerance } = golden(name);
      for (const simd of ["plain", "relaxed"]) {
        const { data } = await embedded(
          page,
          `/fixtures/exports/${name}/`,
          { maxLength: max_length, pooling: "cls", simd, precision: "f32" },
          texts,
        );
        assert.ok(maxAbs(data, vectors.cls.flat()) <= tolerance, `${name}, ${simd}`);
      }
    }
  });

  test("may not evaluate strings: the policy is in force", async () => {
    const page = await open();
    // In a timer, so that it is the page's own code: code from the debugger is exempt.
    const blocked = await page.evaluate(
      () =>
        new Promise((resolve) =>
          setTimeout(() => {
            try {
              resolve(new Function("return 'allowed'")());
            } catch (error) {
              resolve(error.name);
            }
          }),
        ),
    );
    assert.equal(blocked, "EvalError");
  });

  test("rejects with UNSUPPORTED_HOST if the policy lacks 'wasm-unsafe-eval'", async () => {
    const prepare = (page) =>
      page.route(address, async (route) => {
        const response = await route.fetch();
        const headers = { ...response.headers(), "content-security-policy": "default-src 'self'" };
        await route.fulfill({ response, headers });
      });
    const page = await open("", { prepare });
    const error = await page.evaluate(() =>
      import("./pkg/browser.js")
        .then(({ Corom }) => Corom.load("./model/"))
        .catch(({ code, message }) => ({ code, message })),
    );
    assert.equal(error.code, "UNSUPPORTED_HOST");
    assert.match(error.message, /wasm-unsafe-eval/);
  });

  test("yields to the event loop while it embeds, so that a timer can abort it", async () => {
    const page = await open("favicon.svg");
    await page.goto(`${address}?simd=plain`);
    const outcome = await page.evaluate(async () => {
      const { Corom } = await import("./pkg/browser.js");
      const corom = await Corom.load("/fixtures/exports/legacy-op14/");
      const texts = Array.from({ length: 20_000 }, (_, i) => `阔腿裤女冬牛仔${i}`);
      const controller = new AbortController();
      let turns = 0;
      const timer = setInterval(() => ++turns === 8 && controller.abort(), 1);
      const outcome = await corom.embed(texts, { signal: controller.signal }).then(
        () => "embedded",
        (error) => error.name,
      );
      clearInterval(timer);
      corom.free();
      return outcome;
    });
    assert.equal(outcome, "AbortError");
  });

  test("rejects an aborted load with AbortError, and the next load works", async () => {
    const page = await open();
    const names = await page.evaluate(async () => {
      const { Corom } = await import("./pkg/browser.js");
      const seen = [];
      for (let i = 0; i < 8; i++) {
        const controller = new AbortController();
        let events = 0;
        const onProgress = () => ++events === 3 * i + 1 && controller.abort();
        await Corom.load("./model/", { signal: controller.signal, onProgress }).then(
          (corom) => corom.free(),
          (error) => seen.push(error.name),
        );
      }
      const corom = await Corom.load("./model/");
      seen.push((await corom.embed("阔腿裤")).rows);
      corom.free();
      return seen;
    });
    assert.equal(names.pop(), 1);
    assert.ok(names.length >= 4 && names.every((name) => name === "AbortError"), String(names));
  });
});

test("the demo's server serves its folders and nothing outside", async () => {
  const inside = await fetch(`${address}index.html`);
  assert.equal(inside.status, 200);
  assert.match(inside.headers.get("content-security-policy"), /script-src 'self' 'wasm-unsafe-eval'/);
  assert.match(
    (await fetch(`${address}pkg/wasm/corom.wasm`, { method: "HEAD" })).headers.get("content-type"),
    /^application\/wasm$/,
  );
  const { request } = await import("node:http");
  const status = (target, method = "GET") =>
    new Promise((resolve, reject) => {
      request({ port: new URL(address).port, path: target, method }, (response) =>
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
