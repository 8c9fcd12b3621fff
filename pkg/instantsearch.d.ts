// Types of `corom/instantsearch`: a search client for InstantSearch.js, React InstantSearch and Vue InstantSearch.
import type { Catalog, SearchOptions } from "./search.js";

/** A request of InstantSearch: the name of an index and Algolia's search parameters. */
export interface InstantSearchRequest {
  readonly indexName: string;
  /** The parameters are those of the caller's InstantSearch. */
  readonly params?: any;
}

/** The object that InstantSearch takes as `searchClient`. The responses have the shape of Algolia's. */
export interface InstantSearchClient {
  search(requests: readonly InstantSearchRequest[] | { readonly requests: readonly InstantSearchRequest[] }): Promise<{ results: any[] }>;
  /** Takes a list of requests. The types are open because versions 4 and 5 of Algolia's client disagree. */
  searchForFacetValues(requests: any): Promise<any>;
}

export interface InstantSearchOptions {
  /**
   * Options of `Catalog.search` by index name, for the SortBy widget:
   * `{ products: {}, cheap: { sort: "price" } }`. Default: any name without a colon is the order by score, and
   * `"products:price:asc"` sorts.
   */
  indices?: { readonly [indexName: string]: SearchOptions } | null | undefined;
  /** Options of every search, such as `semanticRatio`, `boost` and `distinct`. */
  search?: SearchOptions | null | undefined;
}

/**
 * Returns a search client over a catalog. With a promise the page can be shown before the catalog is there.
 *
 * A parameter of Algolia that changes the hits and does not exist here rejects the search with `INVALID_ARGUMENT`.
 *
 * @throws {@link CoromError} `INVALID_ARGUMENT` for wrong options.
 *
 * @example
 * import instantsearch from "instantsearch.js";
 * import { createSearchClient } from "corom/instantsearch";
 * import { Catalog } from "corom/search";
 * const searchClient = createSearchClient(Catalog.load("./catalog/"));
 * const search = instantsearch({ indexName: "products", searchClient });
 */
export function createSearchClient(
  catalog: Pick<Catalog, "search" | "info"> | PromiseLike<Pick<Catalog, "search" | "info">>,
  options?: InstantSearchOptions | null,
): InstantSearchClient;
