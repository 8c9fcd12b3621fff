// Types of `corom/search`: search over a catalog that `corom index` built.
import type { ModelCache } from "./index.js";
import type { CatalogCalls, CatalogOptions, CatalogSource } from "./types/catalog.js";

export { CoromError } from "./index.js";
export type { CoromErrorCode } from "./index.js";
export type * from "./types/catalog.js";
export type * from "./types/search.js";

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
