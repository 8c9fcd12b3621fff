// `CoromReranker` in headless Chromium: in the page and in several workers, with the bits of Node.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CoromReranker } from "../support/corom.mjs";
import { faultServer } from "../support/fault-server.mjs";
import { launchChromium, pageFiles } from "../support/chromium.mjs";
import { rerankerGolden, trainedFiles } from "../support/rerankers.mjs";

const QUERY = "连衣裙 加厚";
const DOCUMENTS = [...new Set(rerankerGolden("trained").pairs.map(({ document }) => document))].slice(-30);

let browser;
let site;
let expected;
before(async () => {
  const files = await trainedFiles("int8");
  const served = Object.entries(files).map(([name, bytes]) => [`ranking/${name}`, { bytes: Buffer.from(bytes) }]);
  const all = { ...pageFiles(), ...Object.fromEntries(served) };
  [browser, site] = await Promise.all([launchChromium(), faultServer(all)]);
  const reranker = await CoromReranker.load(files, { quality: "exact" });
  expected = await reranker.rerank(QUERY, DOCUMENTS);
  reranker.free();
});
after(async () => {
  await browser?.close();
  await site?.close();
});

for (const [entry, options] of [["browser.js", {}], ["worker.js", { workers: 2 }]]) {
  describe(`CoromReranker of ${entry} in Chromium`, () => {
    test("gives the results of Node, partial results first, and aborts", async () => {
      const page = await browser.newPage();
      const complaints = [];
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      await page.goto(`${site.address}page.html`);
      const seen = await page.evaluate(
        async ({ entry, options, query, documents }) => {
          const { CoromReranker } = await import(`/pkg/${entry}`);
          const reranker = await CoromReranker.load("/ranking/", { quality: "exact", ...options });
          const partials = [];
          const onPartial = (results, { done, total }) => partials.push([results.length, done, total]);
          const first = reranker.rerank(query, documents.slice(0, 9), { abortPrevious: true });
          const second = reranker.rerank(query, documents, { abortPrevious: true, onPartial });
          const aborted = await first.then(String, ({ name }) => name);
          const results = await second;
          const again = await new Proxy(reranker, {}).rerank(query, documents);
          const { ids, typeIds } = await reranker.tokenize(query, documents[0]);
          const { labels, wasmMemory } = reranker.info;
          const stored = await CoromReranker.cache.has("/ranking/");
          reranker.free();
          return { results, partials, aborted, again, shapes: [ids.length, typeIds.length], labels, wasmMemory, stored };
        },
        { entry, options, query: QUERY, documents: DOCUMENTS },
      );
      assert.deepEqual(seen.results, expected);
      assert.deepEqual(seen.again, expected);
      assert.equal(seen.aborted, "AbortError");
      assert.deepEqual([seen.partials[0][0], seen.partials.at(-1)], [30, [30, 30, 30]]);
      assert.ok(seen.partials[0][1] >= 5 && seen.partials.length >= 3, JSON.stringify(seen.partials));
      assert.equal(seen.shapes[0], seen.shapes[1]);
      assert.deepEqual([seen.labels, seen.stored, seen.wasmMemory > 0], [1, true, true]);
      assert.deepEqual(complaints, []);
      await page.close();
    });
  });
}
