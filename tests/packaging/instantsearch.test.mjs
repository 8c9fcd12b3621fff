// `corom/instantsearch` with the real widgets of InstantSearch.js, React InstantSearch and Vue InstantSearch, in Chromium.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SHOP_ITEMS } from "../js/support/shop.mjs";
import { bundlePage, outcomeOfPage } from "./support/shop-page.mjs";
import { launch } from "./support/site.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const TITLE = SHOP_ITEMS[0].title.slice(0, 2);
const COMMON = `
import { createSearchClient } from "corom/instantsearch";
import { Catalog } from "corom/search";
import wasm from "corom/corom-search.wasm";
const catalog = Catalog.load("./catalog/", { wasm: new URL(wasm, location) });
const searchClient = createSearchClient(catalog, { indices: { best: {}, cheap: { sort: "price" } } });
const shown = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent.trim());
const click = (selector, text) => [...document.querySelectorAll(selector)].find((node) => node.textContent.includes(text)).click();
`;

/** Bundles a page and returns its outcome. */
const run = async (name, main) =>
  outcomeOfPage(browser, await bundlePage(`instantsearch-${name}`, { "main.js": `${COMMON}\n${main}\nfinish(main);` }));

const count = (keeps) => SHOP_ITEMS.filter(keeps).length;
const priced = SHOP_ITEMS.filter(({ price }) => price !== null);

test("the widgets of InstantSearch.js", async () => {
  const outcome = await run(
    "js",
    `import instantsearch from "instantsearch.js";
import { hits, searchBox, refinementList, pagination, sortBy, rangeInput, stats, toggleRefinement } from "instantsearch.js/es/widgets";
async function main() {
  document.body.innerHTML = '<div id="box"></div><div id="shop"></div><div id="tags"></div><div id="price"></div><div id="stock"></div><div id="sort"></div><div id="stats"></div><div id="hits"></div><div id="pages"></div>';
  const search = instantsearch({ indexName: "best", searchClient });
  search.addWidgets([
    searchBox({ container: "#box" }),
    refinementList({ container: "#shop", attribute: "shop", searchable: true }),
    refinementList({ container: "#tags", attribute: "tags", operator: "and" }),
    rangeInput({ container: "#price", attribute: "price" }),
    toggleRefinement({ container: "#stock", attribute: "stock" }),
    sortBy({ container: "#sort", items: [{ label: "best", value: "best" }, { label: "cheap", value: "cheap" }] }),
    stats({ container: "#stats", templates: { text: ({ nbHits }) => String(nbHits) } }),
    hits({ container: "#hits", templates: { item: (hit, { html, components }) => html\`<p data-id="\${hit.objectID}" data-price="\${hit.price}">\${components.Highlight({ hit, attribute: "title" })}</p>\` } }),
    pagination({ container: "#pages" }),
  ]);
  search.start();
  const total = () => String(search.renderState.best?.stats?.nbHits);
  const settled = (wanted) => until(() => total() === String(wanted));
  await settled(200);
  const counts = () => shown("#shop .ais-RefinementList-item").join(" ");
  const before = counts();
  click("#shop .ais-RefinementList-labelText", "店1");
  await settled(${count(({ shop }) => shop === "店1")});
  const one = counts();
  click("#shop .ais-RefinementList-labelText", "店2");
  await settled(${count(({ shop }) => ["店1", "店2"].includes(shop))});
  const two = counts();
  search.setUiState({ best: {} });
  await settled(200);
  click("#tags .ais-RefinementList-labelText", "标1");
  await settled(${count(({ tags }) => tags.includes("标1"))});
  click("#tags .ais-RefinementList-labelText", "标2");
  await settled(${count(({ tags }) => tags.includes("标1") && tags.includes("标2"))});
  search.setUiState({ best: { range: { price: "100:200" } } });
  await settled(${count(({ price }) => price !== null && price >= 100 && price <= 200)});
  search.setUiState({ best: { toggle: { stock: true } } });
  await settled(${count(({ stock }) => stock)});
  search.setUiState({ best: { sortBy: "cheap", range: { price: "0:" } } });
  const prices = () => [...document.querySelectorAll("#hits p")].map((node) => Number(node.dataset.price));
  await until(() => { const list = prices(); return list.length === 20 && list.every((price, i) => i === 0 || list[i - 1] <= price); });
  search.setUiState({ best: { page: 3 } });
  const third = await until(() => shown(".ais-Pagination-item--selected")[0] === "3" && shown("#hits p").length);
  search.setUiState({ best: { query: "${TITLE}" } });
  const marks = await until(() => shown("#hits .ais-Highlight-highlighted").length > 0 && shown("#hits .ais-Highlight-highlighted"));
  search.setUiState({ best: {} });
  await settled(200);
  const box = document.querySelector("#shop input[type=search]");
  box.value = "店3";
  box.dispatchEvent(new Event("input", { bubbles: true }));
  const found = await until(() => { const list = shown("#shop .ais-RefinementList-item"); return list.length === 1 && list; });
  return { before, one, two, third, marks: [...new Set(marks)], found, bounds: document.querySelector("#price input").min };
}`,
  );
  const shops = [...new Set(SHOP_ITEMS.map(({ shop }) => shop))];
  for (const name of shops) {
    const label = new RegExp(`${name}\\s*${count(({ shop }) => shop === name)}`);
    for (const counts of [outcome.before, outcome.one, outcome.two]) assert.match(counts.replace(/\s+/g, " "), label);
  }
  assert.equal(outcome.third, 20);
  assert.ok(outcome.marks.length > 0 && outcome.marks.every((mark) => TITLE.includes(mark) || mark.includes(TITLE)), outcome.marks.join());
  assert.match(outcome.found[0], /店3/);
  assert.equal(outcome.bounds, String(Math.min(...priced.map(({ price }) => price))));
});

test("React InstantSearch", async () => {
  const outcome = await run(
    "react",
    `import { createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { Highlight, Hits, InstantSearch, Pagination, RefinementList, SearchBox, SortBy } from "react-instantsearch";
async function main() {
  const hit = ({ hit }) => h("p", null, h(Highlight, { hit, attribute: "title" }));
  createRoot(document.querySelector("#app")).render(
    h(InstantSearch, { searchClient, indexName: "best", future: { preserveSharedStateOnUnmount: true } },
      h(SearchBox), h(RefinementList, { attribute: "shop" }), h(SortBy, { items: [{ label: "best", value: "best" }, { label: "cheap", value: "cheap" }] }), h(Hits, { hitComponent: hit }), h(Pagination)));
  await until(() => shown("p").length === 20);
  click(".ais-RefinementList-labelText", "店1");
  await until(() => shown(".ais-RefinementList-item--selected").length === 1);
  await until(() => shown("p").length === Math.min(20, ${count(({ shop }) => shop === "店1")}));
  return { values: shown(".ais-RefinementList-item").length };
}`,
  );
  assert.equal(outcome.values, 9);
});

test("Vue InstantSearch", async () => {
  const outcome = await run(
    "vue",
    `import { createApp, h } from "vue";
import { AisHits, AisInstantSearch, AisRefinementList, AisSearchBox, AisHighlight } from "vue-instantsearch/vue3/es";
async function main() {
  createApp({
    render: () => h(AisInstantSearch, { searchClient, indexName: "best", future: { preserveSharedStateOnUnmount: true } }, () => [
      h(AisSearchBox), h(AisRefinementList, { attribute: "shop" }),
      h(AisHits, null, { item: ({ item }) => h("p", null, h(AisHighlight, { hit: item, attribute: "title" })) }),
    ]),
  }).mount("#app");
  await until(() => shown("p").length === 20);
  click(".ais-RefinementList-labelText", "店1");
  await until(() => shown("p").length === Math.min(20, ${count(({ shop }) => shop === "店1")}));
  return { values: shown(".ais-RefinementList-item").length };
}`,
  );
  assert.equal(outcome.values, 9);
});
