// The search client that InstantSearch calls: https://www.algolia.com/doc/guides/building-search-ui/going-further/backend-search/in-depth/backend-instantsearch/js/
//
// InstantSearch sends several requests at once: one for the hits, and one per facet that counts without its own
// condition. So a facet of a request counts with all conditions of that request.
import { describeValue, text, unexpected } from "../arguments.js";
import { invalid } from "../errors.js";
import { readOptions } from "../option-names.js";
import { foundFacetValues } from "./facet-values.js";
import { IndexNames } from "./index-names.js";
import { readParams } from "./params.js";
import { resultOf } from "./result.js";

/** Facet values that are read when some of them are chosen by their text. */
const ALL_VALUES = 100_000;

/** Returns a search client over a catalog, or over a promise of one. */
export function createSearchClient(catalog, given) {
  const options = readOptions(given, ["indices", "search"], { call: "createSearchClient" });
  if (typeof catalog?.search !== "function" && typeof catalog?.then !== "function") {
    throw unexpected("catalog", catalog, "a Catalog of corom/search, or a promise of one");
  }
  const names = new IndexNames(options);
  const loaded = Promise.resolve(catalog);
  loaded.catch(() => {}); // each search reports it
  return {
    async search(requests) {
      const shop = await loaded;
      return { results: await Promise.all(listOf(requests).map((request) => answer(shop, names, request))) };
    },
    async searchForFacetValues(requests) {
      const shop = await loaded;
      return Promise.all(listOf(requests).map((request) => facetValues(shop, names, request)));
    },
  };
}

function listOf(requests) {
  const list = Array.isArray(requests) ? requests : requests?.requests;
  if (!Array.isArray(list)) throw unexpected("requests", requests, "an array of requests");
  return list;
}

function paramsOf(request) {
  const { indexName, params = {}, type, facet, ...others } = request ?? {};
  const index = text(indexName, "indexName");
  if (Object.prototype.toString.call(params) !== "[object Object]") throw unexpected("params", params, "an object");
  // Version 5 of the client puts the parameters beside `indexName`.
  return { index, type, facet, params: { ...others, ...params } };
}

async function answer(shop, names, request) {
  const { index, type, params } = paramsOf(request);
  if (type === "facet") return facetValues(shop, names, request);
  if (type !== undefined && type !== "default") throw invalid(`type: got ${describeValue(type)}; expected default or facet`);
  const read = readParams(params, shop.info, names.options(index, shop.info));
  const found = await shop.search(read.query, read.options);
  return resultOf(found, read, { index, params, info: shop.info });
}

async function facetValues(shop, names, request) {
  const { index, facet, params } = paramsOf(request);
  const { facetName = facet, facetQuery = "", maxFacetHits = 10, ...others } = params;
  const attribute = text(facetName, "facetName");
  const read = readParams({ ...others, facets: [attribute], hitsPerPage: 0 }, shop.info, names.options(index, shop.info));
  read.options.facets[0].limit = ALL_VALUES;
  const { facets, exact } = await shop.search(read.query, read.options);
  return foundFacetValues(facets[attribute], { query: text(facetQuery, "facetQuery"), maxFacetHits, exact, tags: read.tags });
}
