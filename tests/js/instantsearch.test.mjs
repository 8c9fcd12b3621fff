// `corom/instantsearch`: requests as InstantSearch sends them, and responses in the shape of Algolia's. The widgets themselves
// run in ../packaging/instantsearch.test.mjs.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createSearchClient } from "corom/instantsearch";
import { Catalog } from "corom/search";
import { failsWith } from "./support/corom.mjs";
import { SHOP_ITEMS, withShop } from "./support/shop.mjs";

let shop;
let client;
before(async () => {
  shop = await withShop((folder) => Catalog.load(folder));
  client = createSearchClient(shop);
});
after(() => shop.free());

const one = async (params, { indexName = "products", of = client } = {}) => (await of.search([{ indexName, params }])).results[0];
const idsOf = ({ hits }) => hits.map(({ objectID }) => objectID).sort();
const kept = (keeps) => SHOP_ITEMS.filter(keeps).map(({ id }) => id).sort();
const all = (params) => one({ hitsPerPage: 1000, ...params });

describe("a search client", () => {
  test("pages through all hits", async () => {
    const first = await one({ query: "" });
    assert.deepEqual([first.nbHits, first.nbPages, first.page, first.hitsPerPage, first.hits.length], [200, 10, 0, 20, 20]);
    assert.equal((await one({ query: "", hitsPerPage: 7 })).nbPages, 29); // the last page has four hits
    const pages = await Promise.all([0, 1, 2].map((page) => one({ query: "女", hitsPerPage: 7, page })));
    const whole = await one({ query: "女", hitsPerPage: 21 });
    assert.deepEqual(pages.flatMap(({ hits }) => hits), whole.hits);
    assert.deepEqual((await one({ query: "女", offset: 7, length: 7 })).hits, pages[1].hits);
    const none = await one({ query: "女", hitsPerPage: 0, page: 0 });
    assert.deepEqual([none.hits, none.nbHits, none.nbPages], [[], whole.nbHits, 0]);
    assert.equal(whole.exhaustiveNbHits, true);
    assert.deepEqual([whole.query, whole.index, new URLSearchParams(whole.params).get("hitsPerPage")], ["女", "products", "21"]);
  });

  test("answers several requests in their order, also of version 5 of the client", async () => {
    const requests = ["女", "男"].map((query) => ({ indexName: "products", params: { query } }));
    const { results } = await client.search(requests);
    assert.deepEqual(results.map(({ query }) => query), ["女", "男"]);
    const flat = await client.search({ requests: requests.map(({ indexName, params }) => ({ indexName, ...params })) });
    assert.deepEqual(flat.results.map(({ hits }) => hits), results.map(({ hits }) => hits));
  });

  test("has a hit's fields, attributes, stored values and highlights", async () => {
    const { hits } = await one({ query: "女", highlightPreTag: "__ais-highlight__", highlightPostTag: "__/ais-highlight__" });
    const item = SHOP_ITEMS.find(({ id }) => id === hits[0].objectID);
    const { title, brand, shop: name, stock, tags, url } = hits[0];
    assert.deepEqual({ title, brand, name, stock, url }, { title: item.title, brand: item.brand, name: item.shop, stock: item.stock, url: item.url });
    assert.deepEqual(tags ?? [], item.tags);
    const { value, matchLevel, matchedWords } = hits[0]._highlightResult.title;
    assert.equal(value, item.title.replaceAll("女", "__ais-highlight__女__/ais-highlight__"));
    assert.deepEqual([matchLevel, matchedWords], ["full", ["女"]]);
    assert.deepEqual(hits[0]._highlightResult.shop, { value: item.shop, matchLevel: "none", fullyHighlighted: false, matchedWords: [] });
    const [few] = (await one({ query: "女", attributesToRetrieve: ["title"], attributesToSnippet: ["title:10"] })).hits;
    assert.deepEqual(Object.keys(few).sort(), ["_highlightResult", "_snippetResult", "objectID", "title"]);
    assert.deepEqual(Object.keys(few._snippetResult), ["title"]);
  });
});

describe("facets and filters", () => {
  test("count with every condition of their request, as InstantSearch's disjunctive requests need it", async () => {
    const facetFilters = [["shop:店1", "shop:店2"]];
    const [hits, others] = (
      await client.search([
        { indexName: "a", params: { facets: ["shop", "price"], facetFilters, maxValuesPerFacet: 10 } },
        { indexName: "a", params: { facets: "shop", hitsPerPage: 0, page: 0, analytics: false, clickAnalytics: false } },
      ])
    ).results;
    const count = (name) => SHOP_ITEMS.filter((item) => item.shop === name).length;
    assert.deepEqual(hits.facets.shop, { 店1: count("店1"), 店2: count("店2") });
    assert.deepEqual(Object.keys(others.facets.shop).length, 9);
    const prices = SHOP_ITEMS.filter(({ shop: name, price }) => ["店1", "店2"].includes(name) && price !== null).map(({ price }) => price);
    assert.deepEqual(hits.facets_stats.price, { min: Math.min(...prices), max: Math.max(...prices) });
    assert.deepEqual(Object.keys((await one({ facets: ["*"] })).facets).sort(), ["group:id", "price", "shop", "stock", "tags"]);
    const alphabetic = await one({ facets: ["shop"], sortFacetValuesBy: "alpha", maxValuesPerFacet: 2 });
    assert.deepEqual(Object.keys(alphabetic.facets.shop), ["店0", "店1"]);
  });

  const cases = [
    [{ facetFilters: "shop:店1" }, ({ shop: name }) => name === "店1"],
    [{ facetFilters: ["shop:店1", "stock:true"] }, ({ shop: name, stock }) => name === "店1" && stock],
    [{ facetFilters: [["shop:店1", "tags:标2"], "stock:false"] }, (item) => (item.shop === "店1" || item.tags.includes("标2")) && !item.stock],
    [{ facetFilters: ["shop:-店1"] }, ({ shop: name }) => name !== "店1"],
    [{ facetFilters: ["tags:标1", "tags:标2"] }, ({ tags }) => tags.includes("标1") && tags.includes("标2")],
    [{ facetFilters: ["group:id:g3"] }, (item) => item["group:id"] === "g3"],
    [{ facetFilters: ["price:37"] }, ({ price }) => price === 37],
    [{ facetFilters: [[], "shop:店1"] }, ({ shop: name }) => name === "店1"],
    [{ numericFilters: ["price>=100", "price<200"] }, ({ price }) => price !== null && price >= 100 && price < 200],
    [{ numericFilters: [["price<10", "price > 490"]] }, ({ price }) => price !== null && (price < 10 || price > 490)],
    [{ numericFilters: "price>=100,price<200" }, ({ price }) => price !== null && price >= 100 && price < 200],
    [{ numericFilters: ["price:100 TO 200"] }, ({ price }) => price !== null && price >= 100 && price <= 200],
    [{ numericFilters: ["price!=37"] }, ({ price }) => price !== 37],
    [{ filters: "shop:店1 AND stock:true" }, ({ shop: name, stock }) => name === "店1" && stock],
    [{ filters: "shop:店1 OR shop:店2 AND stock:true" }, (item) => ["店1", "店2"].includes(item.shop) && item.stock],
    [{ filters: "(shop:店1 AND stock:true) OR price < 20" }, ({ shop: name, stock, price }) => (name === "店1" && stock) || (price !== null && price < 20)],
    [{ filters: "NOT shop:'店1' AND price:0 TO 100" }, ({ shop: name, price }) => name !== "店1" && price !== null && price <= 100],
    [{ filters: '"group:id":"g3" AND price >= 0' }, (item) => item["group:id"] === "g3" && item.price !== null],
    [{ filters: "", facetFilters: [], numericFilters: [], tagFilters: "" }, () => true],
  ];
  for (const [params, keeps] of cases) {
    test(JSON.stringify(params), async () => {
      const expected = kept(keeps);
      assert.ok(expected.length > 0);
      const found = await all(params);
      assert.deepEqual(idsOf(found), expected);
      assert.equal(found.nbHits, expected.length);
    });
  }

  test("the values of a facet are found by their text", async () => {
    const ask = (params) => ({ indexName: "products", params: { facetName: "shop", ...params } });
    const [found] = await client.searchForFacetValues([ask({ facetQuery: "店1", filters: "stock:true" })]);
    const count = SHOP_ITEMS.filter((item) => item.shop === "店1" && item.stock).length;
    assert.deepEqual(found.facetHits, [{ value: "店1", highlighted: "<em>店1</em>", count }]);
    const [every] = await client.searchForFacetValues([ask({ facetQuery: "", maxFacetHits: 4 })]);
    assert.equal(every.facetHits.length, 4);
    const { results } = await client.search([{ type: "facet", facet: "shop", indexName: "products", params: { facetQuery: "店1" } }]);
    assert.equal(results[0].facetHits[0].value, "店1");
  });
});

describe("orders and options", () => {
  test("an index name sorts, or has options of its own", async () => {
    const prices = (result) => result.hits.map(({ price }) => price);
    const rising = await one({ filters: "price >= 0" }, { indexName: "products:price:asc" });
    assert.deepEqual(prices(rising), [...prices(rising)].sort((a, b) => a - b));
    const falling = await one({ filters: "price >= 0", hitsPerPage: 10 }, { indexName: "products:shop:asc:price:desc" });
    assert.deepEqual(new Set(falling.hits.map((hit) => hit.shop)).size, 1);
    const indices = { best: {}, cheap: { sort: "price", filter: { price: { lt: 50 } } } };
    const named = createSearchClient(Promise.resolve(shop), { indices, search: { distinct: "shop" } });
    const cheap = await one({}, { indexName: "cheap", of: named });
    assert.ok(cheap.hits.every(({ price }) => price < 50) && new Set(cheap.hits.map((hit) => hit.shop)).size === cheap.hits.length);
    assert.equal((await one({ distinct: false }, { indexName: "best", of: named })).nbHits, 200);
    assert.equal((await one({ distinct: true }, { indexName: "best", of: named })).nbHits, 9);
    await failsWith("INVALID_ARGUMENT", one({}, { indexName: "cheep", of: named }), 'did you mean "cheap"?');
    await failsWith("INVALID_ARGUMENT", one({}, { indexName: "a:prize:asc" }), '"prize"');
    await failsWith("INVALID_ARGUMENT", one({}, { indexName: "a:price" }), "name:attribute:asc");
  });

  for (const [params, words] of [
    [{ aroundLatLng: "1,2" }, "aroundLatLng"],
    [{ hitPerPage: 5 }, "did you mean hitsPerPage?"],
    [{ facets: ["shopp"] }, "did you mean shop?"],
    [{ facetFilters: ["shopp:店1"] }, "did you mean shop?"],
    [{ facetFilters: ["stock:maybe"] }, '"maybe"'],
    [{ facetFilters: [5] }, "facetFilters[0]"],
    [{ numericFilters: ["shop>1"] }, '"shop" is no number attribute'],
    [{ numericFilters: ["price~1"] }, "price>=10"],
    [{ filters: "shop:店1 AND" }, "at its end"],
    [{ filters: "shop:店1 shop:店2" }, "expected AND"],
    [{ filters: "(shop:店1" }, "expected )"],
    [{ filters: 'shop:"店1' }, "character"],
    [{ filters: `${"(".repeat(30)}shop:店1${")".repeat(30)}` }, "parentheses"],
    [{ tagFilters: "a" }, "tagFilters"],
    [{ distinct: 3 }, "distinct"],
    [{ distinct: true }, "createSearchClient"],
    [{ page: 600 }, "10000"],
    [{ query: 5 }, "query"],
    [{ restrictSearchableAttributes: ["title"] }, "restrictSearchableAttributes"],
  ]) {
    test(`INVALID_ARGUMENT: ${JSON.stringify(params).slice(0, 60)}`, () => failsWith("INVALID_ARGUMENT", one(params), words));
  }

  test("wrong arguments and a load that failed", async () => {
    assert.throws(() => createSearchClient({}), { code: "INVALID_ARGUMENT" });
    assert.throws(() => createSearchClient(shop, { indexes: {} }), { code: "INVALID_ARGUMENT", message: /did you mean indices/ });
    const failed = createSearchClient(Catalog.load("/nowhere/catalog"));
    await failsWith("MISSING_FILE", failed.search([{ indexName: "a", params: {} }]));
    await failsWith("INVALID_ARGUMENT", client.search(undefined), "requests");
    await failsWith("INVALID_ARGUMENT", client.search([{ params: {} }]), "indexName");
  });
});
