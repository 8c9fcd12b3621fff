// Loading a catalog, and the calls of a loaded one.
import type { Corom, CoromReranker, FetchInit, FileContents, FileLike, Progress, Prompt, Query, WasmSource } from "../index.js";
import type { AttributeKind, Hit, SearchOptions, SearchResult, SimilarOptions } from "./search.js";

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
  /**
   * The moment at which `load` resolves, and the parts that are fetched. Vectors are the last part of a catalog file and most
   * of its bytes.
   *
   * - `wait`: when everything is here.
   * - `later`: when keywords can be searched. The vectors arrive meanwhile, and `ready` resolves then.
   * - `codes`: when keywords can be searched. The codes arrive meanwhile, and `ready` resolves then. Rows are not loaded: a
   *   search reads those of its best items from the cache, or else by requests for a range of bytes. Without codes in the
   *   catalog as `later`.
   * - `none`: when keywords can be searched. The vectors are not fetched.
   *
   * Default: `wait`.
   */
  vectors?: "wait" | "later" | "codes" | "none" | null | undefined;
  /** `corom-search.wasm`, if the host cannot find it: a URL, a path, a Response, a module or bytes. */
  wasm?: WasmSource | Promise<WasmSource> | null | undefined;
  /** Fetches the catalog's files. Default: the global `fetch`. */
  fetch?: ((url: string, init: FetchInit) => Response | Promise<Response>) | null | undefined;
  /**
   * The place where a browser keeps the files: `auto`, `opfs`, `cache-api` or `none`, as for `Corom.load`. Only files that are named
   * after their hash are kept, as `corom index` names them. Default: `auto`.
   */
  cache?: "auto" | "opfs" | "cache-api" | "none" | null | undefined;
  /** The folder that keeps the files, in Node, Deno and Bun. Default: nothing is kept. */
  cacheDir?: string | URL | null | undefined;
  /** Maximum number of retries in a row after a network error. Default: 3. */
  retries?: number | null | undefined;
  /** Milliseconds without a byte after which a request is retried. Default: 30,000. */
  stallTimeout?: number | null | undefined;
  /** Aborts the load, also while vectors arrive. */
  signal?: AbortSignal | null | undefined;
  /** Called with the events of the load, as for `Corom.load`; `done` comes when everything has arrived. */
  onProgress?: ((event: Progress) => void) | null | undefined;
}

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
    /** The text of an item that was embedded: a field, after a prompt. Absent if it is not known. */
    readonly text?: { readonly field: string; readonly prompt: string };
    /** The rows that are kept beside the codes: 8 or 4 bits per dimension, or nothing. */
    readonly rows: "int8" | "int4" | "none";
    readonly oversampling: number;
  } | null;
  /** True if the vectors have arrived; see the option `vectors`. */
  readonly hasVectors: boolean;
  /** True if every row has arrived: scores are then exact. */
  readonly hasRows: boolean;
  /** SHA-256 of the last file: the one that the next delta continues. */
  readonly version: string;
}

/** The calls of a loaded catalog. */
export interface CatalogCalls {
  readonly info: CatalogInfo;
  /** Bytes of the catalog's WebAssembly instance; 0 after `free`. */
  readonly memoryBytes: number;
  /**
   * Resolves when everything that the option `vectors` asked for has arrived. Rejects with the error of the download;
   * keywords can be searched nevertheless, and `update` tries again.
   */
  readonly ready: Promise<void>;

  /**
   * Attaches the model that embedded the catalog, or one that was distilled from it, so that searches embed their text, or a reranker for the option `rerank`.
   * The instances may be on this thread or in workers. Each stays until another one is attached; `null` detaches both.
   * Returns the catalog. Queries are embedded with the model's prompt for queries, as `rank` does; `prompt` chooses another
   * one, as the option of `embed`.
   *
   * @throws {@link CoromError} `MODEL_MISMATCH` if the dimensions or the lineages differ, `INVALID_ARGUMENT` if the catalog
   * has no vectors.
   *
   * @example
   * shop.attach(corom, { reranker });
   */
  attach(
    model: Pick<Corom, "embed" | "info"> | Pick<CoromReranker, "rerank"> | null,
    options?: {
      prompt?: Prompt | null | undefined;
      reranker?: Pick<CoromReranker, "rerank"> | null | undefined;
    } | null,
  ): this;

  /**
   * Searches with a text or a vector; of a text the first 4,096 characters are read. An empty text browses. While vectors are on their way, a search with a vector, or in
   * the mode `semantic` or `hybrid`, waits for them; any other search uses keywords.
   *
   * @throws {@link CoromError}: `INVALID_ARGUMENT` with the place of what is wrong, `FREED`; what `embed` throws.
   */
  search(query: Query, options?: SearchOptions | null): Promise<SearchResult>;

  /** Returns the items whose vectors are nearest to that of an item, without it. */
  similar(id: string, options?: SimilarOptions | null): Promise<SearchResult>;

  /** Returns words and phrases of the catalog that begin with a text, or are read so in pinyin. Default limit: 10. */
  suggest(
    prefix: string,
    options?: { limit?: number | null | undefined; signal?: AbortSignal | null | undefined } | null,
  ): Promise<{ text: string; items: number }[]>;

  /**
   * Groups the items into `k` clusters by their vectors: see `cluster` of `corom/search`. `labels` has the cluster of each
   * of the `ids`. Without rows the clusters are those of vectors that are estimated from the codes.
   *
   * @throws {@link CoromError} `INVALID_ARGUMENT` if the catalog has no vectors, or fewer items than `k`.
   */
  cluster(options: {
    k: number;
    seed?: number | null | undefined;
    signal?: AbortSignal | null | undefined;
  }): Promise<{ ids: string[]; labels: Uint32Array; centers: Float32Array; cohesion: number }>;

  /**
   * Projects the items' vectors onto their first two principal components: see `project2d` of `corom/search`. `places` has
   * x and y of each of the `ids`, one after the other.
   */
  project2d(
    options?: { signal?: AbortSignal | null | undefined } | null,
  ): Promise<{ ids: string[]; places: Float32Array; explained: [number, number] }>;

  /**
   * Loads the rows of a catalog that was loaded with `vectors: "codes"` into memory. Searches go on meanwhile. The rows are
   * hashed as in `load`. Otherwise does nothing.
   *
   * @throws {@link CoromError} `FETCH_FAILED`, `INTEGRITY_MISMATCH`, `OUT_OF_MEMORY`; the catalog stays as it is.
   */
  loadRows(
    options?: {
      signal?: AbortSignal | null | undefined;
      onProgress?: ((event: Progress) => void) | null | undefined;
    } | null,
  ): Promise<void>;

  /**
   * Transfers the rows of a catalog that was loaded with `vectors: "codes"` into the cache, not into memory. Searches then
   * read them from this device, also without a network. Otherwise does nothing.
   *
   * @throws {@link CoromError} `UNSUPPORTED_HOST` if nothing is kept on this device, `OUT_OF_MEMORY` if its storage is
   * full, `FETCH_FAILED`.
   */
  storeRows(
    options?: {
      signal?: AbortSignal | null | undefined;
      onProgress?: ((event: Progress) => void) | null | undefined;
    } | null,
  ): Promise<void>;

  /** Returns an item, or undefined. */
  item(id: string, options?: { signal?: AbortSignal | null | undefined } | null): Promise<Hit | undefined>;

  /**
   * Applies a delta file: new items, removals, changed attributes. The catalog stays as it is if the delta is rejected.
   *
   * @throws {@link CoromError} `INVALID_CATALOG` if the delta is damaged, continues another file, or folds characters
   * in another way than the files before it.
   */
  apply(
    delta: Exclude<FileContents, string>,
    options?: { signal?: AbortSignal | null | undefined } | null,
  ): Promise<CatalogInfo>;

  /**
   * Reads `catalog.json` of the source again, and loads what is new: the deltas that follow, or the whole catalog if it was
   * compacted or built again. Searches go on meanwhile, and the catalog stays as it is if the update fails.
   *
   * @throws {@link CoromError}: those of `load`; `INVALID_ARGUMENT` if the source is one file.
   */
  update(
    options?: {
      signal?: AbortSignal | null | undefined;
      onProgress?: ((event: Progress) => void) | null | undefined;
    } | null,
  ): Promise<CatalogInfo>;

  /** Releases the memory. Attached models stay. Pending calls are rejected with `FREED`. */
  free(): void;

  /** Calls `free()` at the end of a block with `using`. */
  [Symbol.dispose](): void;
}
