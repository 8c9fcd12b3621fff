// Types of `corom/search`: search over a catalog that `corom index` built.
import type { EmbeddingsData, ModelCache, Vector, WasmSource } from "./index.js";
import type { CatalogCalls, CatalogOptions, CatalogSource } from "./types/catalog.js";

export { CoromError } from "./index.js";
export type { CoromErrorCode } from "./index.js";
export type * from "./types/catalog.js";
export type * from "./types/search.js";

/** Options of {@link cluster} and {@link project2d}. */
export interface AnalysisOptions {
  /** Values per vector, if the vectors are one flat array. */
  dimension?: number | null | undefined;
  /** `corom-search.wasm`, if the host cannot find it. */
  wasm?: WasmSource | Promise<WasmSource> | null | undefined;
}

/**
 * Groups vectors into `k` clusters by their cosine: spherical k-means with k-means++. The same `seed` (default 0) gives the
 * same clusters on every host. `labels` has the cluster of each vector, `centers` the centers of length 1 one after the
 * other, `cohesion` the mean cosine of a vector to the center of its cluster.
 *
 * @throws {@link CoromError} `INVALID_ARGUMENT` if `k` is more than the number of vectors.
 *
 * @example
 * const { labels } = await cluster(await corom.embed(titles), { k: 8 });
 */
export function cluster(
  vectors: EmbeddingsData | readonly Vector[] | Vector,
  options: AnalysisOptions & { k: number; seed?: number | null | undefined },
): Promise<{ labels: Uint32Array; centers: Float32Array; cohesion: number }>;

/**
 * Projects vectors onto their first two principal components, for a picture. `places` has x and y of each vector, one after
 * the other; `explained` the share of the variance that each of the two has.
 */
export function project2d(
  vectors: EmbeddingsData | readonly Vector[] | Vector,
  options?: AnalysisOptions | null,
): Promise<{ places: Float32Array; explained: [number, number] }>;

/**
 * A catalog of products in memory.
 *
 * @example
 * const shop = await Catalog.load("./catalog/");
 * const { hits } = await shop.search("阔腿裤", { filter: { price: { lt: 100 } } });
 */
export interface Catalog extends CatalogCalls {}
export class Catalog {
  private constructor();

  /**
   * Loads a catalog, and checks the hash of every section.
   *
   * @throws {@link CoromError}: `INVALID_CATALOG`, `INTEGRITY_MISMATCH`, `UNSUPPORTED_FORMAT`, `MISSING_FILE`,
   * `FETCH_FAILED`, `INVALID_ARGUMENT`, `OUT_OF_MEMORY`, `UNSUPPORTED_HOST`.
   */
  static load(source: CatalogSource, options?: CatalogOptions | null): Promise<Catalog>;

  /** The downloads that are kept on this device: the same cache as `Corom.cache`. `has` and `delete` are about catalogs. */
  static readonly cache: ModelCache;
}
