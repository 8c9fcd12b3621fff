// www/shop/state.js: the options of a search for a state of the shop page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { SCHEMA } from "../../examples/shop/products.mjs";
import { ROOT } from "./support/paths.mjs";

// The folder has no package.json, so Node would read the file as CommonJS.
const text = readFileSync(path.join(ROOT, "www/shop/state.js"), "utf8");
const { searchOptions, stateOf } = await import(`data:text/javascript,${encodeURIComponent(text)}`);

const ADDRESS = "http://shop.example/?category=a&features=b&from=5&to=9&stock=1";
const named = (...names) => ({ attributes: names.map((name) => ({ name, kind: "string" })) });
const facetsOf = ({ facets }) => facets.map(({ attribute }) => attribute);

describe("searchOptions", () => {
  test("uses every attribute of the made-up shop", () => {
    const options = searchOptions(stateOf(ADDRESS), SCHEMA);
    assert.deepEqual(options.filter, { category: { in: ["a"] }, features: { in: ["b"] }, price: { gte: 5, lte: 9 }, stock: true });
    assert.deepEqual(facetsOf(options), ["category", "audience", "color", "features", "price", "stock"]);
    assert.equal(options.sort, "sales:desc");
    assert.equal(options.distinct, "group");
  });

  test("leaves out attributes that the catalog does not have", () => {
    const options = searchOptions(stateOf(`${ADDRESS}&q=x&sort=rating:desc`), named("price", "shop"));
    assert.deepEqual(options.filter, { price: { gte: 5, lte: 9 } });
    assert.deepEqual(facetsOf(options), ["price"]);
    assert.equal(options.sort, undefined);
    assert.equal(options.distinct, undefined);
    const none = searchOptions(stateOf(ADDRESS), named());
    assert.deepEqual([none.filter, none.facets, none.sort, none.distinct], [{}, [], undefined, undefined]);
  });

  test("sorts a text's hits by score, and by an attribute on request", () => {
    assert.equal(searchOptions(stateOf("http://shop.example/?q=x"), SCHEMA).sort, undefined);
    assert.equal(searchOptions(stateOf("http://shop.example/?q=x&sort=price:desc"), SCHEMA).sort, "price:desc");
    assert.equal(searchOptions(stateOf("http://shop.example/?sort=price"), named("price")).sort, "price");
  });
});
