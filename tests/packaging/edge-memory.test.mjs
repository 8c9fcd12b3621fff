// Models of real size in workerd stay within the 128 MB of an isolate: examples/edge, and a base model beside a catalog.
//
// COROM_M3E_CHECKPOINT: the folder of m3e-small's checkpoint. COROM_EDGE_MODELS: further converted folders to test,
// separated by colons; CoROM's own, for instance.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Miniflare } from "miniflare";
import { bundleForEdge } from "./support/edge-bundle.mjs";
import { wideCatalog } from "./support/edge-catalog.mjs";
import { baseInt4, m3eInt8 } from "./support/edge-models.mjs";
import { filesIn, heapOf, startService } from "./support/edge.mjs";
import { MODEL, ROOT, project } from "./support/places.mjs";
import { site } from "./support/site.mjs";

const MIB = 2 ** 20;
const ISOLATE = 128e6;
const ASSET = 25 * MIB; // the largest file that may be a static asset

const catalog = readFileSync(path.join(ROOT, "tests/fixtures/m3e-small/catalog.txt"), "utf8").split("\n").filter(Boolean);
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
const further = (process.env.COROM_EDGE_MODELS ?? "").split(":").filter(Boolean);

const base = await baseInt4();
for (const folder of [MODEL, m3eInt8(), base, ...further]) {
  const { dtype } = JSON.parse(readFileSync(path.join(folder, "corom.json"), "utf8"));
  test(`the service answers several requests at once in 128 MB with ${path.basename(folder)} in ${dtype}`, async (t) => {
    for (const name of filesIn(folder)) assert.ok(statSync(path.join(folder, name)).size <= ASSET, `${name} is small enough for a static asset`);
    const size = filesIn(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    const service = await startService({ model: folder, vars: { AUTO_TRUNCATE: "true", QUALITY: "balanced" } });
    try {
      const answer = async (...args) => {
        const response = await service.ask(...args);
        assert.equal(response.status, 200, await response.clone().text());
        return response.json();
      };
      await service.ask("/health");
      const before = service.resident();
      const began = performance.now();
      const loaded = await answer("/info");
      const loading = performance.now() - began;
      const afterLoad = service.resident();

      const inputs = (first, count) => Array.from({ length: count }, (_, i) => catalog[(first + i) % catalog.length]);
      const texts = 8 * 4 + (9 + 8 + 7) + 8 + 1;
      const start = performance.now();
      const answers = await Promise.all([
        ...Array.from({ length: 8 }, (_, i) => answer("/embed", { inputs: inputs(4 * i, 4) })),
        ...Array.from({ length: 3 }, (_, i) => answer("/rerank", { query: catalog[0], texts: inputs(0, 8 - i), return_text: true })),
        answer("/v1/embeddings", { input: inputs(0, 8), encoding_format: "base64" }),
        answer("/embed", { inputs: catalog.join(" ").slice(0, 4000) }), // as many tokens as the model takes
      ]);
      const took = performance.now() - start;
      assert.equal(answers[0].length, 4);
      answers.slice(0, 8).flat().forEach((row) => assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-3)); // prettier-ignore
      assert.equal(answers[8][0].text, catalog[0], "a text ranks first for itself");

      // Texts without white space, which a client may send by mistake. None takes memory for good.
      for (const unit of ["#", '{"a":1},']) {
        const status = async (body) => (await service.ask("/embed", body)).status;
        assert.equal(await status({ inputs: unit.repeat(Math.floor(800_000 / unit.length)), truncate: true }), 413, unit);
        const longest = unit.repeat(Math.floor(32_768 / unit.length));
        assert.equal(await status({ inputs: longest, truncate: true }), 200, unit);
        assert.equal(await status({ inputs: Array(8).fill(longest), truncate: false }), 413, unit);
      }

      const { wasm_memory } = await answer("/info");
      const heap = await service.heap();
      t.diagnostic(
        `files ${mib(size)}; WebAssembly ${mib(loaded.wasm_memory)} loaded, ${mib(wasm_memory)} at the end; ` +
          `JavaScript ${mib(heap)}; ` +
          `workerd grew by ${mib(afterLoad - before)} while loading, by ${mib(service.resident() - before)} in all; ` +
          `loaded in ${Math.round(loading)} ms, then ${texts} texts in ${Math.round(took)} ms`,
      );
      assert.ok(wasm_memory + heap <= ISOLATE, `WebAssembly ${mib(wasm_memory)}, JavaScript ${mib(heap)}`);
    } finally {
      await service.stop();
    }
  });
}

const SEARCH = `import { Corom } from "corom";
import { Catalog } from "corom/search";
let loading;
export default {
  async fetch(request, { MODELS }) {
    const { query } = await request.json();
    loading ??= Promise.all([Catalog.load(MODELS + "catalog/"), Corom.load(MODELS + "model/")]);
    const [shop, corom] = await loading;
    shop.attach(corom);
    const { hits, mode } = await shop.search(query, { filter: { price: { lt: 400 } } });
    return Response.json({ mode, hits: hits.length, items: shop.info.items, memory: [corom.info.wasmMemory, shop.memoryBytes] });
  },
};`;

test("a catalog of 10,000 items with int8 vectors is searched beside a base model in int4 in 128 MB", async (t) => {
  const folder = project("edge-search", { "main.js": SEARCH });
  const { modules } = await bundleForEdge(folder, "main.js", ["workerd", "worker", "browser"]);
  const items = wideCatalog(t, { items: 10_000, titles: catalog });
  const served = await site(folder, { policy: null, mounts: { "/catalog/": items, "/model/": base } });
  const bindings = { MODELS: served.address };
  const inspector = { inspectorHost: "127.0.0.1", inspectorPort: 0 };
  const miniflare = new Miniflare({ host: "127.0.0.1", compatibilityDate: "2024-09-23", modules, bindings, ...inspector });
  try {
    const ask = async (query) => {
      const response = await miniflare.dispatchFetch("http://worker/", { method: "POST", body: JSON.stringify({ query }) });
      assert.equal(response.status, 200, await response.clone().text());
      return response.json();
    };
    const answers = await Promise.all(catalog.slice(0, 3).map(ask));
    for (const { mode, hits, items } of answers) assert.deepEqual([mode, hits, items], ["hybrid", 10, 10_000]);
    const [model, shop] = answers.at(-1).memory;
    const heap = await heapOf(await miniflare.getInspectorURL());
    t.diagnostic(`the model ${mib(model)}, the catalog ${mib(shop)}, JavaScript ${mib(heap)}`);
    assert.ok(model + shop + heap <= ISOLATE, `${mib(model)}, ${mib(shop)}, ${mib(heap)}`);
  } finally {
    await miniflare.dispose();
    await served.close();
  }
});
