// Pages of a search join, and counts are those of the items that are there, in JavaScript as in Rust
// (src/index_build/page_tests.rs, search_tests.rs).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Catalog } from "corom/search";
import { DIMENSION, buildCatalog, idsOf, randomVector } from "./support/catalogs.mjs";
import { failsWith } from "./support/corom.mjs";

const ends = [];
let built;
let shop;
before(async () => {
  built = buildCatalog({ after: (end) => ends.push(end) });
  shop = await Catalog.load(built.catalog);
});
after(() => {
  shop.free();
  for (const end of ends) end();
});

/** Returns the pages of a search until its hits end. `search({ topK, offset })` returns one. */
async function pagesOf(search, topK) {
  const pages = [await search({ topK, offset: 0 })];
  while (pages.at(-1).hits.length === topK) pages.push(await search({ topK, offset: pages.length * topK }));
  return pages;
}

function assertJoined(pages, label) {
  const ids = pages.flatMap(idsOf);
  const counts = new Set(pages.map(({ total, facets }) => JSON.stringify([total, facets])));
  assert.equal(counts.size, 1, `${label}: total and facets of every page`);
  assert.deepEqual([ids.length, new Set(ids).size], [pages[0].total, pages[0].total], `${label}: hits twice or missing`);
}

describe("pages", () => {
  test("join without gaps and repeats, with one total and the same facets", async () => {
    for (const options of [
      {},
      { sort: "price:desc" },
      { sort: ["shop", "price"], distinct: "price" },
      { distinct: "shop" },
      { diversity: 0.7 },
      { boost: { price: 0.5 }, fusion: "rrf" },
      { pinned: ["p30", "p2"], diversity: 0.4 },
      { filter: { stock: true }, semanticThreshold: -1000 },
    ]) {
      const vector = randomVector();
      for (const query of ["女", "", vector]) {
        const given = { ...options, ...(query === "女" ? { vector } : {}), facets: ["shop"] };
        const label = `${JSON.stringify(options)} ${typeof query === "string" ? query : "vector"}`;
        if (query === "" && options.diversity > 0) continue;
        assertJoined(await pagesOf((page) => shop.search(query, { ...given, ...page }), 6), label);
      }
    }
  });

  test("of similar items never have the item, and count all others", async () => {
    for (const options of [{}, { semanticThreshold: -1000 }, { distinct: "shop", semanticThreshold: -1000 }]) {
      const pages = await pagesOf((page) => shop.similar("p3", { ...options, ...page, facets: ["shop"] }), 6);
      assertJoined(pages, JSON.stringify(options));
      assert.ok(pages.flatMap(idsOf).every((id) => id !== "p3"));
    }
    const { total, facets } = await shop.similar("p3", { semanticThreshold: -1000, facets: ["shop"] });
    assert.equal(total, shop.info.items - 1);
    assert.equal(facets.shop.values.reduce((sum, { count }) => sum + count, 0), total);
    assert.equal((await shop.similar("p3", { topK: 10_000 })).total, shop.info.items - 1);
    for (const topK of [10_001, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      await failsWith("INVALID_ARGUMENT", () => shop.similar("p3", { topK }), "topK");
    }
  });
});

describe("Catalog.search", () => {
  test("browses without a text, and finds nothing for symbols unless a model knows them", async () => {
    for (const mode of ["auto", "keyword"]) {
      for (const query of ["👗", "，", "…"]) assert.deepEqual((await shop.search(query, { mode })).hits, [], query);
      assert.equal((await shop.search(" ", { mode })).total, shop.info.items);
    }
    shop.attach({ info: { dimension: DIMENSION }, embed: async () => randomVector() });
    assert.equal((await shop.search("👗")).mode, "semantic");
    shop.attach(null);
  });

  test("rejects what would be a wrong answer", async () => {
    for (const [options, ...mentions] of [
      [{ distinct: "tags" }, "distinct", "tags"],
      [{ sort: "tags" }, "sort", "tags"],
      [{ sort: "price", diversity: 0.5 }, "diversity", "sort"],
      [{ facets: [{ attribute: "price", ranges: [100, 0] }] }, "price", "rise"],
      [{ facets: [{ attribute: "shop", ranges: [0, 100] }] }, "shop", "number"],
      [{ facets: ["shop", "shop"] }, "shop", "twice"],
      [{ boost: { price: 1e30 } }, "boost", "price"],
    ]) {
      await failsWith("INVALID_ARGUMENT", () => shop.search("女", options), ...mentions);
    }
  });
});

test("Catalog.suggest counts the items that are left", async () => {
  const count = async (text) => (await shop.suggest(text, { limit: 100 })).find((found) => found.text === text)?.items;
  const matching = async (text) => idsOf(await shop.search(text, { matching: "all", prefix: false, topK: 1000 }));
  const [{ text }] = await shop.suggest("女", { limit: 1 });
  const [first, ...others] = await matching(text);
  built.remove(first);
  await shop.update();
  assert.equal(await count(text), others.length);
  built.remove(...others);
  await shop.update();
  assert.equal(await count(text), undefined);
  assert.deepEqual(await matching(text), []);
});
