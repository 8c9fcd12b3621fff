// Questions to a catalog, and its answers.
import type { Query } from "../index.js";

export type AttributeKind = "number" | "string" | "boolean" | "tags";
export type AttributeValue = number | string | boolean | readonly string[];

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

/** Options of `similar`. */
export interface SimilarOptions {
  /** The items that are searched. */
  filter?: Filter | null | undefined;
  /**
   * Attributes whose values are counted over all hits, each once. A condition on the facet's own attribute does not count
   * for it, unless `disjunctive` is false. `ranges` has the borders of ranges of a number, rising.
   */
  facets?:
    | readonly (string | { attribute: string; limit?: number; ranges?: readonly number[]; disjunctive?: boolean })[]
    | null
    | undefined;
  /** The order of the hits: `"price"`, `"price:desc"`. Default: by score. No tags. Items without a value come last. */
  sort?: string | readonly (string | { attribute: string; descending?: boolean })[] | null | undefined;
  /**
   * Maximum number of hits. Default: 10. With `offset` at most 10,000. A semantic search has at least so many hits, if the
   * filter keeps them; their number does not depend on `offset`.
   */
  topK?: number | null | undefined;
  /** Number of hits to leave out at the beginning. Default: 0. */
  offset?: number | null | undefined;
  /**
   * The number that the largest value of a number attribute, or `true`, adds to the score: `{ sales: 0.3 }`. At most
   * 1,000,000, and at least -1,000,000.
   */
  boost?: { readonly [attribute: string]: number } | null | undefined;
  /** Ids that come first if they are hits, whatever orders the others. */
  pinned?: readonly string[] | null | undefined;
  /** An attribute of which each value stands once. No tags. */
  distinct?: string | null | undefined;
  /** Semantic hits are so many standard deviations above the query's mean score. Default: 2. */
  semanticThreshold?: number | null | undefined;
  /** Leaves out hits whose vector has at least this cosine with that of a better hit. */
  collapse?: number | null | undefined;
  /** Share of difference from better hits in the order (maximal marginal relevance), 0 to 1. Default: 0. Not with `sort`. */
  diversity?: number | null | undefined;
  /** Scores every vector in full, whatever codes the catalog has. Default: `false`. */
  exact?: boolean | null | undefined;
  /** Adds what each score consists of. Default: `false`. */
  explain?: boolean | null | undefined;
  /**
   * false: rows that are not in memory (`vectors: "codes"` of `Catalog.load`) are not read, so the result comes at once and
   * has `estimated: true`. Default: `true`.
   */
  readRows?: boolean | null | undefined;
  signal?: AbortSignal | null | undefined;
  /** Rejects an older call with `abortPrevious` that is not done. Default: `false`. */
  abortPrevious?: boolean | null | undefined;
}

/** Options of `search`: those of `similar`, and those about its text. */
export interface SearchOptions extends SimilarOptions {
  /** The scores that are used. Default: `"auto"`, those of the text and, if there is one, of the vector. */
  mode?: "auto" | "keyword" | "semantic" | "hybrid" | null | undefined;
  /** The share of the query that an item has to match: everything, half of the query by rarity, or anything. Default: `"most"`. */
  matching?: "all" | "most" | "any" | null | undefined;
  /** True if the last word may be unfinished. Default: `true`. */
  prefix?: boolean | null | undefined;
  /** The fusion of two scores: a weighted sum of scores, or of reciprocal ranks. Default: `"weighted"`. */
  fusion?: "weighted" | "rrf" | null | undefined;
  /** The share of the semantic score, 0 to 1. Default: 0.3. */
  semanticRatio?: number | null | undefined;
  /** Adds the ranges of the texts that match. Default: `true`. */
  highlight?: boolean | null | undefined;
  /** The query's vector. Default: that of the attached model. */
  vector?: Exclude<Query, string> | null | undefined;
  /**
   * Sorts the first hits again by the scores of the attached reranker; true means `{ depth: 50 }`. The hits' `score` stays
   * that of the search; `scores.rerank` is the reranker's. An empty query is not reranked.
   */
  rerank?: boolean | SearchRerankOptions | null | undefined;
}

/** The option `rerank`. */
export interface SearchRerankOptions {
  /** Number of hits that are sorted again; the others follow in their order. Default: 50. */
  depth?: number | null | undefined;
  /** The field that the reranker reads. Default: the first one. */
  field?: string | null | undefined;
  /** Milliseconds after which no more hits are scored; see `rerank` of `CoromReranker`. */
  budgetMs?: number | null | undefined;
  /** Called with the result so far, when some hits have their score. */
  onPartial?: ((result: SearchResult, progress: { done: number; total: number }) => void) | null | undefined;
}

/** An item that was found. */
export interface Hit {
  readonly id: string;
  /** More is better. */
  readonly score: number;
  /** The scores before fusion and boosts; null: the item was not scored so. */
  readonly scores: {
    readonly keyword: number | null;
    readonly semantic: number | null;
    /** The reranker's score, in a reranked result only; null for hits that were not scored. */
    readonly rerank?: number | null;
  };
  readonly fields: { readonly [field: string]: string };
  readonly attributes: { readonly [attribute: string]: AttributeValue };
  /** The fields that `stored` of the schema names. */
  readonly stored?: unknown;
  /** Ranges of each field that match, `[start, end]` in UTF-16 code units. */
  readonly highlights: { readonly [field: string]: readonly (readonly [number, number])[] };
  readonly explanation?: {
    /** Parts that add up to the score. `formula` has the numbers of each `value`. */
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
  /** Number of all hits, the same on every page if `exact` is true; with `distinct` of its values, with `collapse` also of those left out. */
  readonly total: number;
  readonly facets: { readonly [attribute: string]: Facet };
  /** The smallest and the largest number of each facet of numbers, as a price slider needs them. */
  readonly stats: { readonly [attribute: string]: { readonly min: number; readonly max: number } };
  /** The scores that were used. */
  readonly mode: "keyword" | "semantic" | "hybrid" | "browse";
  /**
   * False if scores are estimates: those behind `total` and the counts of facets, and in a catalog of codes alone also
   * those of the hits.
   */
  readonly exact: boolean;
  /**
   * True if hits have estimated scores, because rows that the search wanted could not be read, should not be, or were too
   * many (the warning `ROWS_UNAVAILABLE`); see `vectors: "codes"` of `Catalog.load`. Otherwise absent.
   */
  readonly estimated?: boolean;
  /** Milliseconds for the query's vector, for the search, and for reranking. */
  readonly timing: { readonly embed: number; readonly search: number; readonly rerank?: number };
}
