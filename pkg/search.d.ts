// Types of `corom/search`: search over a catalog that `corom index` built.
import type { Corom } from "./index.js";
import type { FileContents, FileLike, FetchInit, Vector, WasmSource } from "./index.js";
import type { Progress } from "./index.js";
export { CoromError } from "./index.js";
export type { CoromErrorCode } from "./index.js";

/**
 * A catalog: the path (Node, Deno, Bun) or URL of its folder, or several URLs (mirrors); the files of the folder by name;
 * or a catalog file as bytes, a Blob or a Response.
 */
export type CatalogSource =
  | string
  | URL
  | readonly (string | URL)[]
  | ArrayLike<FileLike>
  | ReadonlyMap<string, FileContents>
  | { readonly [path: string]: FileContents }
  | ArrayBufferLike
  | ArrayBufferView
  | FileLike;

/** Options of `Catalog.load`. They mean what they mean for `Corom.load`. */
export interface CatalogOptions {
  /** `corom-search.wasm`, if the host cannot find it: a URL, a path, a Response, a module or bytes. */
  wasm?: WasmSource | Promise<WasmSource> | null | undefined;
  /** Fetches the catalog's files. Default: the global `fetch`. */
  fetch?: ((url: string, init: FetchInit) => Response | Promise<Response>) | null | undefined;
  /** Maximum number of retries in a row after a network error. Default: 3. */
  retries?: number | null | undefined;
  /** Milliseconds without a byte after which a request is retried. Default: 30,000. */
  stallTimeout?: number | null | undefined;
  signal?: AbortSignal | null | undefined;
  onProgress?: ((event: Progress) => void) | null | undefined;
}

export type AttributeKind = "number" | "string" | "boolean" | "tags";
export type AttributeValue = number | string | boolean | readonly string[];

/** Properties of a catalog. */
export interface CatalogInfo {
  /** Number of items. */
  readonly items: number;
  /** The texts that are searched. */
  readonly fields: readonly { readonly name: string; readonly weight: number }[];
  /** The attributes that filters, facets, sorting and boosts use. */
  readonly attributes: readonly { readonly name: string; readonly kind: AttributeKind }[];
  /** The space of the vectors; null if the catalog has none. */
  readonly vectors: {
    readonly dimension: number;
    readonly metric: "dot" | "cosine" | "l2";
    readonly lineage?: string;
    readonly oversampling: number;
  } | null;
  /** True if the vectors are in memory. */
  readonly hasVectors: boolean;
  /** SHA-256 of the last file: the one that the next delta continues. */
  readonly version: string;
}

type Scalar = number | string | boolean;

/** A condition on an attribute: equal to a value, one of several values, or all of these operators. */
export type Condition =
  | Scalar
  | readonly Scalar[]
  | {
      readonly eq?: Scalar;
      readonly in?: readonly Scalar[];
      readonly nin?: readonly Scalar[];
      readonly gt?: number | string;
      readonly gte?: number | string;
      readonly lt?: number | string;
      readonly lte?: number | string;
      readonly between?: readonly [number | string, number | string];
      readonly exists?: boolean;
      readonly containsAll?: readonly string[];
      readonly containsAny?: readonly string[];
    };

/** Conditions that all hold. An item without a value meets `nin` and `exists: false` only. */
export type Filter = {
  readonly and?: readonly Filter[];
  readonly or?: readonly Filter[];
  readonly not?: Filter;
} & { readonly [attribute: string]: Condition | Filter | readonly Filter[] | undefined };

/** Options of `search` and `similar`. */
export interface SearchOptions {
  /** Which scores are used. Default: `"auto"`, those of the text and, if there is one, of the vector. */
  mode?: "auto" | "keyword" | "semantic" | "hybrid" | null | undefined;
  /** The query's vector. Default: that of the attached model. */
  vector?: Vector | null | undefined;
  /** The share of the query that an item has to match: everything, half of the query by rarity, or anything. Default: `"most"`. */
  matching?: "all" | "most" | "any" | null | undefined;
  /** True if the last word may be unfinished. Default: `true`. */
  prefix?: boolean | null | undefined;
  /** Which items are searched. */
  filter?: Filter | null | undefined;
  /**
   * Attributes whose values are counted over all hits. A condition on the facet's own attribute does not count for it,
   * unless `disjunctive` is false.
   */
  facets?:
    | readonly (string | { attribute: string; limit?: number; ranges?: readonly number[]; disjunctive?: boolean })[]
    | null
    | undefined;
  /** The order of the hits: `"price"`, `"price:desc"`. Default: by score. Items without a value come last. */
  sort?: string | readonly (string | { attribute: string; descending?: boolean })[] | null | undefined;
  /** Maximum number of hits. Default: 10. With `offset` at most 10,000. */
  topK?: number | null | undefined;
  /** Number of hits to leave out at the beginning. Default: 0. */
  offset?: number | null | undefined;
  /** The number that the largest value of a number or boolean attribute adds to the score: `{ sales: 0.3 }`. */
  boost?: { readonly [attribute: string]: number } | null | undefined;
  /** Ids that come first if they are hits. */
  pinned?: readonly string[] | null | undefined;
  /** An attribute of which each value stands once. */
  distinct?: string | null | undefined;
  /** How two scores become one: a weighted sum of scores, or of reciprocal ranks. Default: `"weighted"`. */
  fusion?: "weighted" | "rrf" | null | undefined;
  /** The share of the semantic score, 0 to 1. Default: 0.5. */
  semanticRatio?: number | null | undefined;
  /** Semantic hits are so many standard deviations above the query's mean score. Default: 2. */
  semanticThreshold?: number | null | undefined;
  /** Leaves out hits whose vector has at least this cosine with that of a better hit. */
  collapse?: number | null | undefined;
  /** Share of difference from better hits in the order (maximal marginal relevance), 0 to 1. Default: 0. */
  diversity?: number | null | undefined;
  /** Scores every vector in full, whatever codes the catalog has. Default: `false`. */
  exact?: boolean | null | undefined;
  /** Adds what each score consists of. Default: `false`. */
  explain?: boolean | null | undefined;
  /** Adds the ranges of the texts that match. Default: `true`. */
  highlight?: boolean | null | undefined;
  signal?: AbortSignal | null | undefined;
  /** Rejects an older search that still waits for its vector. Default: `false`. */
  abortPrevious?: boolean | null | undefined;
}

/** An item that was found. */
export interface Hit {
  readonly id: string;
  /** More is better. */
  readonly score: number;
  /** The scores before fusion and boosts; null: the item was not scored so. */
  readonly scores: { readonly keyword: number | null; readonly semantic: number | null };
  readonly fields: { readonly [field: string]: string };
  readonly attributes: { readonly [attribute: string]: AttributeValue };
  /** The fields that `stored` of the schema names. */
  readonly stored?: unknown;
  /** Ranges of each field that match, `[start, end]` in UTF-16 code units. */
  readonly highlights: { readonly [field: string]: readonly (readonly [number, number])[] };
  readonly explanation?: {
    /** Parts that add up to the score. */
    readonly parts: readonly { readonly name: string; readonly value: number; readonly formula: string }[];
    /** Parts of the query, whose scores add up to the keyword score. */
    readonly clauses: readonly {
      readonly text: string;
      readonly score: number;
      readonly weight: number;
      readonly idf: number;
      readonly tf: number;
    }[];
  };
}

/** The counts of an attribute's values over all hits. */
export interface Facet {
  /** Values with their numbers of items, most items first. */
  readonly values: readonly { readonly value: string; readonly count: number }[];
  /** Number of different values. */
  readonly distinct: number;
  /** Items per range. */
  readonly ranges: readonly number[];
  /** The smallest and the largest number. */
  readonly bounds: readonly [number, number] | null;
}

export interface SearchResult {
  /** The hits, best first. */
  readonly hits: readonly Hit[];
  /** Number of all hits; with `distinct` of its values. */
  readonly total: number;
  readonly facets: { readonly [attribute: string]: Facet };
  /** Which scores were used. */
  readonly mode: "keyword" | "semantic" | "hybrid" | "browse";
  /** False if `total` and the counts of facets include estimates. Hits and their scores never do. */
  readonly exact: boolean;
  /** Milliseconds for the query's vector and for the search. */
  readonly timing: { readonly embed: number; readonly search: number };
}

/**
 * A catalog of products in memory.
 *
 * @example
 * const shop = await Catalog.load("./catalog/");
 * const { hits } = await shop.search("阔腿裤", { filter: { price: { lt: 100 } } });
 */
export class Catalog {
  private constructor();

  /**
   * Loads a catalog, and checks the hash of every section.
   *
   * @throws {@link CoromError}: `INVALID_CATALOG`, `INTEGRITY_MISMATCH`, `UNSUPPORTED_FORMAT`, `MISSING_FILE`,
   * `FETCH_FAILED`, `INVALID_ARGUMENT`, `OUT_OF_MEMORY`, `UNSUPPORTED_HOST`.
   */
  static load(source: CatalogSource, options?: CatalogOptions | null): Promise<Catalog>;

  readonly info: CatalogInfo;
  /** Bytes of the catalog's WebAssembly instance; 0 after `free`. */
  readonly memoryBytes: number;

  /**
   * Lets searches embed their text with the model that embedded the catalog. `null` detaches it. Returns the catalog.
   *
   * @throws {@link CoromError} `INVALID_ARGUMENT` if the dimensions differ, or the catalog has no vectors.
   */
  attach(corom: Pick<Corom, "embed" | "info"> | null): this;

  /**
   * Searches with a text or a vector. An empty text browses.
   *
   * @throws {@link CoromError}: `INVALID_ARGUMENT` with the place of what is wrong, `FREED`; what `embed` throws.
   */
  search(query: string | Vector, options?: SearchOptions | null): Promise<SearchResult>;

  /** Returns the items whose vectors are nearest to that of an item, without it. */
  similar(id: string, options?: Omit<SearchOptions, "vector"> | null): Promise<SearchResult>;

  /** Returns words and phrases of the catalog that begin with a text, or are read so in pinyin. Default limit: 10. */
  suggest(prefix: string, options?: { limit?: number | null } | null): Promise<{ text: string; items: number }[]>;

  /** Returns an item, or undefined. */
  item(id: string): Promise<Hit | undefined>;

  /**
   * Applies a delta file: new items, removals, changed attributes. The catalog stays as it is if the delta is rejected.
   *
   * @throws {@link CoromError} `INVALID_CATALOG` if the delta is damaged or continues another file.
   */
  apply(delta: ArrayBufferLike | ArrayBufferView): Promise<CatalogInfo>;

  /** Releases the memory. An attached model stays. */
  free(): void;
}
