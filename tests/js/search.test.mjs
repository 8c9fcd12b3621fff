// `corom/search` in Node, on catalogs of the native command: its hits, scores and errors are those of `corom index`.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { Catalog } from "corom/search";
import { DIMENSION, ITEMS, SCHEMA, TITLES, index, randomVector } from "./support/catalogs.mjs";
import { native, scratch } from "./support/converter.mjs";
import { Corom, failsWith } from "./support/corom.mjs";
import { FIXTURES, ROOT } from "./support/paths.mjs";

const MODEL = path.join(FIXTURES, "bits/int8");
/** Builds a catalog folder with vectors of the model, and a delta: a replaced item, a removal, a patch. */
function build(t, options = ["--model", MODEL]) {
  const folder = scratch(t);
  const write = (name, text) => (writeFileSync(path.join(folder, name), text), path.join(folder, name));
  const catalog = path.join(folder, "catalog");
  const items = write("items.jsonl", ITEMS.map((item) => JSON.stringify(item)).join("\n"));
  index("build", items, catalog, "--schema", write("schema.json", JSON.stringify(SCHEMA)), ...options);
  const whole = readFileSync(path.join(catalog, readdirSync(catalog).find((name) => name.endsWith(".catalog"))));
  index("patch", catalog, write("patch.json", JSON.stringify({ p5: { price: 1, shop: null } })));
  index("remove", catalog, "p7");
  const delta = (at) => readFileSync(path.join(catalog, JSON.parse(readFileSync(path.join(catalog, "catalog.json"))).files[at]));
  return { folder, catalog, whole, deltas: [delta(1), delta(2)], write };
}

const VECTOR = randomVector();
const REQUESTS = [
  ["跑步鞋", {}],
  ["nike 鞋", { facets: [{ attribute: "shop" }, { attribute: "price", ranges: [0, 100, 300] }], topK: 50 }],
  ["", { sort: [{ attribute: "price", descending: true }], topK: 20, offset: 3 }],
  ["男", { filter: { price: { gte: 10, lt: 300 }, stock: true }, distinct: "shop" }],
  ["xie", { explain: true, matching: "any" }],
  ["女", { filter: { or: [{ tags: { containsAll: ["标1"] } }, { shop: ["店1", "店2"] }], not: { price: { exists: false } } } }],
  ["鞋", { boost: [{ attribute: "price", weight: 0.3 }], pinned: ["p5"], filter: { price: { lte: 250 } } }],
];

/** Compares results. Logarithms may differ in the last bit between machines. */
function assertSame(actual, expected, where) {
  if (typeof expected === "number") {
    assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.max(1, Math.abs(expected)), `${where}: ${actual} ${expected}`);
  } else if (typeof expected === "object" && expected !== null) {
    assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort(), where);
    for (const key of Object.keys(expected)) if (key !== "formula") assertSame(actual[key], expected[key], `${where}.${key}`);
  } else {
    assert.equal(actual, expected, where);
  }
}

describe("Catalog.search", () => {
  test("has the hits, scores and facets of the native command", async (t) => {
    const { catalog } = build(t);
    const shop = await Catalog.load(catalog);
    const corom = await Corom.load(MODEL);
    for (const isHybrid of [false, true]) {
      shop.attach(isHybrid ? corom : null);
      for (const [query, request] of REQUESTS) {
        const args = ["search", catalog, query, "--request", JSON.stringify(request), ...(isHybrid ? ["--model", MODEL] : [])];
        const expected = JSON.parse(index(...args));
        const boost = request.boost && Object.fromEntries(request.boost.map(({ attribute, weight }) => [attribute, weight]));
        // The native command embeds an empty query too.
        if (isHybrid && query === "") continue;
        const { timing, stats, ...found } = await shop.search(query, { ...request, boost });
        const [min, max] = expected.facets.price?.bounds ?? [];
        assert.deepEqual(stats, min === undefined ? {} : { price: { min, max } });
        assertSame(found, expected, `${query} ${JSON.stringify(request)}`);
        assert.ok(found.hits.length > 0, query);
        assert.ok(timing.search >= 0 && timing.embed >= 0);
      }
    }
    corom.free();
    shop.free();
  });

  test("gives under every filter what a loop over all hits gives", async (t) => {
    const { whole, deltas } = build(t);
    const shop = await Catalog.load(whole);
    for (const delta of deltas) await shop.apply(delta);
    const items = ITEMS.filter(({ id }) => id !== "p7").map((item) => (item.id === "p5" ? { ...item, price: 1, shop: null } : item));
    const filters = [
      [{ price: { gte: 200 } }, ({ price }) => price !== null && price >= 200],
      [{ shop: ["店1", "店3"], stock: true }, ({ shop, stock }) => ["店1", "店3"].includes(shop) && stock],
      [{ not: { tags: "标1" } }, ({ tags }) => !tags.includes("标1")],
      [{ or: [{ price: { exists: false } }, { price: { lt: 50 } }] }, ({ price }) => price === null || price < 50],
      [{ shop: { nin: ["店1"] } }, ({ shop }) => shop !== "店1"],
    ];
    for (const [filter, keeps] of filters) {
      const kept = new Set(items.filter(keeps).map(({ id }) => id));
      assert.equal((await shop.search("", { filter })).total, kept.size, JSON.stringify(filter));
      for (const [query, options] of [["女", {}], [VECTOR, { semanticThreshold: -1000 }]]) {
        const all = await shop.search(query, { ...options, topK: 1000 });
        const expected = all.hits.filter(({ id }) => kept.has(id)).map(({ id, score }) => [id, score]);
        const found = await shop.search(query, { ...options, filter, topK: 7 });
        assert.deepEqual(found.hits.map(({ id, score }) => [id, score]), expected.slice(0, 7), JSON.stringify(filter));
        assert.equal(found.total, expected.length);
      }
    }
  });

  test("explains, highlights, suggests, and finds similar items", async (t) => {
    const { whole } = build(t);
    const shop = await Catalog.load(new Blob([whole]));
    const { hits } = await shop.search("女 鞋", { explain: true, matching: "any" });
    for (const { score, explanation, fields, highlights } of hits) {
      assert.ok(Math.abs(explanation.parts.reduce((sum, { value }) => sum + value, 0) - score) < 1e-5);
      for (const [field, ranges] of Object.entries(highlights)) {
        for (const [start, end] of ranges) assert.match(fields[field].slice(start, end), /^[女鞋]+$/);
      }
    }
    assert.equal(hits[0].stored.url, `/p/${hits[0].id.slice(1)}`);
    const [{ text, items }] = await shop.suggest("女", { limit: 1 });
    assert.ok(text.startsWith("女") && items > 0);
    const similar = await shop.similar("p3", { topK: 5, mode: undefined });
    for (const option of [{ mode: "keyword" }, { matching: "all" }, { prefix: false }, { fusion: "rrf" }, { semanticRatio: 1 }, { highlight: true }]) {
      await failsWith("INVALID_ARGUMENT", () => shop.similar("p3", option), Object.keys(option)[0]);
    }
    assert.ok(similar.hits.length === 5 && similar.hits.every(({ id }) => id !== "p3"));
    assert.equal((await shop.item("p3")).fields.title, TITLES[3]);
    assert.equal(await shop.item("nothing"), undefined);
    assert.equal(shop.info.items, TITLES.length);
    assert.ok(shop.memoryBytes > whole.length);
    shop.free();
    shop.free();
    await failsWith("FREED", () => shop.search("x"));
    assert.deepEqual([shop.info.items, shop.memoryBytes], [TITLES.length, 0]);
  });

  test("rejects wrong arguments with their place", async (t) => {
    const { whole } = build(t);
    const shop = await Catalog.load(whole);
    for (const [query, options, ...mentions] of [
      [7, {}, "query"],
      ["x", { topk: 3 }, "topK"],
      ["x", { limit: 3 }, "topK"],
      ["x", { where: {} }, "filter"],
      ["x", { mode: "vector" }, "mode", "semantic"],
      ["x", { topK: -1 }, "topK"],
      ["x", { topK: 20000 }, "topK"],
      ["x", { filter: { prise: 1 } }, "prise", "price"],
      ["x", { filter: { price: "x" } }, "filter.price"],
      ["x", { filter: { price: new Date(0) } }, "filter.price"],
      ["x", { filter: { price: { gt: NaN } } }, "filter.price.gt"],
      ["x", { facets: "shop" }, "facets"],
      ["x", { facets: [{ atribute: "shop" }] }, "facets[0]", "attribute"],
      ["x", { sort: "title" }, "sort"],
      ["x", { boost: ["price"] }, "boost"],
      ["x", { semanticRatio: 2 }, "semanticRatio"],
      ["x", { mode: "semantic" }, "attach(corom)", "vector"],
      [new Float32Array(3), {}, "3 values", "64"],
      [new Float32Array(DIMENSION), { vector: [1] }, "vector"],
    ]) {
      await failsWith("INVALID_ARGUMENT", () => shop.search(query, options), ...mentions);
    }
    await failsWith("INVALID_ARGUMENT", async () => shop.attach({}), "model");
    await failsWith("INVALID_ARGUMENT", async () => shop.attach(), "model", "null");
    await failsWith("INVALID_ARGUMENT", () => shop.search("女", { boost: [{ attribute: "price" }] }), "boost[0]", "weight");
    const boosted = await Promise.all([{ price: 2 }, [{ attribute: "price", weight: 2 }]].map((boost) => shop.search("女", { boost })));
    assert.deepEqual(boosted[0].hits, boosted[1].hits);
    await failsWith("INVALID_ARGUMENT", () => shop.search("女", { boost: [{ attribute: "price", weight: NaN }] }), "boost[0].weight");
    const { facets, stats } = await shop.search("女", { facets: ["stock", "price", "shop"] });
    assert.ok(facets.stock.bounds && !("stock" in stats) && "price" in stats, "a boolean is no number");
    await failsWith("INVALID_ARGUMENT", () => Catalog.load(Promise.resolve(whole)), "await");
    await failsWith("MISSING_FILE", () => Catalog.load(path.join(FIXTURES, "titles.txt")), "catalog.json", "bytes");
    assert.match(inspect(shop.info), /items: \d+,[^]*dimension: 64/); // what console.log prints: no getters
    await failsWith("MODEL_MISMATCH", async () => shop.attach({ embed() {}, info: { dimension: 3 } }), "3 dimensions");
    await failsWith("INVALID_ARGUMENT", () => shop.similar("none"), "none");
    await failsWith("INVALID_ARGUMENT", async () => new Catalog(), "Catalog.load");
    const corom = await Corom.load(MODEL);
    shop.attach(corom);
    corom.free();
    await failsWith("FREED", () => shop.search("女"), "attached model");
    shop.attach(null);
    // undefined and null mean "not given".
    const same = await shop.search("女", { filter: null, topK: undefined, mode: null });
    assert.deepEqual(same.hits, (await shop.search("女")).hits);
    const aborted = AbortSignal.abort(new Error("enough"));
    await assert.rejects(shop.search("女", { signal: aborted }), /enough/);
  });
});

describe("Catalog.load", () => {
  test("takes a folder's path, its URL, a server with a broken line, and files in memory", async (t) => {
    const { catalog } = build(t, []);
    const files = Object.fromEntries(readdirSync(catalog).map((name) => [name, readFileSync(path.join(catalog, name))]));
    const requests = [];
    const server = createServer((request, response) => {
      const [, name] = /^\/shop\/(.*)/.exec(request.url) ?? [];
      requests.push(`${name} ${request.headers.range ?? ""}`);
      if (files[name] === undefined) return response.writeHead(404).end();
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const bytes = files[name].subarray(from);
      const range = from > 0 ? { "content-range": `bytes ${from}-${files[name].length - 1}/${files[name].length}` } : {};
      response.writeHead(from > 0 ? 206 : 200, { etag: `"${name}"`, "content-length": bytes.length, ...range });
      // The first answer breaks off half-way.
      const isBroken = name.endsWith(".catalog") && from === 0;
      response.write(isBroken ? bytes.subarray(0, bytes.length >> 1) : bytes, () => (isBroken ? response.destroy() : response.end()));
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const url = `http://127.0.0.1:${server.address().port}/shop/`;
    const events = [];
    const loads = [catalog, pathToFileURL(catalog), url, files, new Map(Object.entries(files))].map((source) =>
      Catalog.load(source, { onProgress: (event) => events.push(event.phase) }),
    );
    const versions = new Set((await Promise.all(loads)).map(({ info }) => `${info.version} ${info.items}`));
    assert.equal(versions.size, 1);
    assert.ok(requests.some((request) => /\.catalog bytes=[1-9]/.test(request)), "the download continues");
    assert.ok(events.includes("download"));
    await failsWith("MISSING_FILE", () => Catalog.load(url.replace("shop", "none"), { retries: 0 }), "catalog.json");
  });

  test("rejects what is no catalog, and a delta out of order; the catalog stays as it is", async (t) => {
    const { whole, deltas } = build(t, []);
    const shop = await Catalog.load(whole);
    const before = (await shop.search("女")).hits;
    const damaged = Uint8Array.from(whole);
    damaged[damaged.length - 1] ^= 1;
    await failsWith("INTEGRITY_MISMATCH", () => Catalog.load(damaged));
    await failsWith("INTEGRITY_MISMATCH", () => Catalog.load(whole.subarray(0, whole.length - 9)));
    await failsWith("INVALID_CATALOG", () => Catalog.load(new Uint8Array(100)));
    await failsWith("INVALID_CATALOG", () => Catalog.load(deltas[0]));
    await failsWith("INVALID_CATALOG", () => Catalog.load({ "catalog.json": "<html>" }), "HTML");
    await failsWith("INVALID_CATALOG", () => Catalog.load({ "catalog.json": '{"format":1,"files":["../x"]}' }));
    await failsWith("UNSUPPORTED_FORMAT", () => Catalog.load({ "catalog.json": '{"format":2}' }));
    await failsWith("MISSING_FILE", () => Catalog.load({ "catalog.json": '{"format":1,"files":["x.catalog"]}' }), "x.catalog");
    await failsWith("INVALID_ARGUMENT", () => Catalog.load(7), "source");
    await failsWith("INVALID_ARGUMENT", () => Catalog.load(whole, { cach: "none" }), "cach");
    await failsWith("INVALID_CATALOG", () => shop.apply(deltas[1]), "out of order");
    await failsWith("INVALID_CATALOG", () => shop.apply(whole));
    await failsWith("INVALID_ARGUMENT", () => shop.apply("x"), "delta");
    assert.deepEqual((await shop.search("女")).hits, before);
    const { version } = shop.info;
    await shop.apply(deltas[0]);
    await shop.apply(deltas[1]);
    assert.ok(shop.info.version !== version && shop.info.items === TITLES.length - 1);
    assert.equal(await shop.item("p7"), undefined);
  });

  test("compiles the binary once, and takes it as an option", async (t) => {
    const { whole } = build(t, []);
    const bytes = readFileSync(path.join(ROOT, "pkg/wasm/corom-search.wasm"));
    for (const wasm of [bytes, await WebAssembly.compile(bytes), Promise.resolve(bytes)]) {
      assert.equal((await Catalog.load(whole, { wasm })).info.items, TITLES.length);
    }
    await failsWith("INVALID_ARGUMENT", () => Catalog.load(whole, { wasm: new Uint8Array(9) }), "WebAssembly");
  });
});
