// The package in a page of headless Chromium, under the Content-Security-Policy that the documentation gives.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cosine, maxAbs } from "../support/corom.mjs";
import { useDemoSite } from "../support/demo-site.mjs";
import { golden, goldenM3e } from "../support/paths.mjs";

const site = useDemoSite();

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
    const page = await site.open("favicon.svg");
    await page.goto(site.address);
    for (const simd of ["plain", "relaxed"]) {
      const { data, dimension, ...got } = await embedded(
        page,
        "./model/",
        { maxLength: max_length, advanced: { simd }, quality: "float" },
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
    const page = await site.open();
    for (const name of ["legacy-op11", "dynamo-op20-sdpa", "classic-op13", "external-shards", "fused"]) {
      const { texts, vectors, max_length, tolerance } = golden(name);
      for (const simd of ["plain", "relaxed"]) {
        const { data } = await embedded(
          page,
          `/fixtures/exports/${name}/`,
          { maxLength: max_length, pooling: "cls", advanced: { simd }, quality: "float" },
          texts,
        );
        assert.ok(maxAbs(data, vectors.cls.flat()) <= tolerance, `${name}, ${simd}`);
      }
    }
  });

  test("may not evaluate strings: the policy is in force", async () => {
    const page = await site.open();
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
      page.route(site.address, async (route) => {
        const response = await route.fetch();
        const headers = { ...response.headers(), "content-security-policy": "default-src 'self'" };
        await route.fulfill({ response, headers });
      });
    const page = await site.open("", { prepare });
    const error = await page.evaluate(() =>
      import("./pkg/browser.js")
        .then(({ Corom }) => Corom.load("./model/"))
        .catch(({ code, message }) => ({ code, message })),
    );
    assert.equal(error.code, "UNSUPPORTED_HOST");
    assert.match(error.message, /wasm-unsafe-eval/);
  });

  test("yields to the event loop while it embeds, so that a timer can abort it", async () => {
    const page = await site.open("favicon.svg");
    await page.goto(`${site.address}?simd=plain`);
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

  test("gives vectors that IndexedDB, messages and JSON store and give back", async () => {
    const page = await site.open();
    const got = await page.evaluate(async () => {
      const { Corom, Embeddings } = await import("./pkg/browser.js");
      const corom = await Corom.load("./model/");
      const titles = ["阔腿裤", "牛仔裤", "无线耳机"];
      const catalog = await corom.embed(titles);
      const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: resolve, onerror: reject }));
      const opening = indexedDB.open("vectors", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("vectors");
      await done(opening);
      const store = () => opening.result.transaction("vectors", "readwrite").objectStore("vectors");
      await done(store().put(catalog, "catalog"));
      await done(store().put([...catalog][1], "row"));
      const reading = store().get("catalog");
      await done(reading);
      const row = store().get("row");
      await done(row);
      const { port1, port2 } = new MessageChannel();
      port1.postMessage(catalog);
      const message = await new Promise((resolve) => (port2.onmessage = ({ data }) => resolve(data)));
      const blob = new Blob([catalog.data]);
      const expected = JSON.stringify(await corom.rank("裤子", catalog));
      const equal = [];
      for (const value of [reading.result, message, JSON.stringify(catalog), [...catalog], catalog.toArray()]) {
        equal.push(JSON.stringify(await corom.rank("裤子", Embeddings.from(value))) === expected);
      }
      const bytes = Embeddings.from(await blob.arrayBuffer(), { dimension: corom.info.dimension });
      equal.push(JSON.stringify(await corom.rank("裤子", bytes)) === expected);
      const kept = row.result.buffer.byteLength === 4 * corom.info.dimension;
      corom.free();
      return { equal, kept, tokens: Embeddings.from(reading.result).tokens.length };
    });
    assert.deepEqual(got, { equal: Array(6).fill(true), kept: true, tokens: 3 });
  });

  test("rejects an aborted load with AbortError, and the next load works", async () => {
    const page = await site.open();
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
      seen.push((await corom.embed(["阔腿裤"])).rows);
      corom.free();
      return seen;
    });
    assert.equal(names.pop(), 1);
    assert.ok(names.length >= 4 && names.every((name) => name === "AbortError"), String(names));
  });
});
