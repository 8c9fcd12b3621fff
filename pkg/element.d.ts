// Types of `corom/element`: the custom element <corom-search>. Importing the module defines it.
import type { Catalog, Hit, SearchResult } from "./search.js";

/** Events of the element, by name. Each bubbles. `corom-select` can be canceled: then its link is not followed. */
export interface CoromSearchEvents {
  "corom-ready": CustomEvent<{ catalog: Catalog; model: unknown }>;
  "corom-results": CustomEvent<{ query: string; result: SearchResult }>;
  "corom-select": CustomEvent<{ hit: Hit }>;
  "corom-error": CustomEvent<{ error: unknown }>;
}

/**
 * A search box with results.
 *
 * | attribute | meaning |
 * |---|---|
 * | `catalog` | URL of the catalog folder |
 * | `model` | URL of the model folder; without it the box searches by keywords |
 * | `placeholder`, `label` | text of the empty box; its name for screen readers |
 * | `limit` | the most hits: 10 |
 * | `field`, `price`, `link` | the field that is shown (the first), the attribute of the price (`price`), the stored value or attribute with the address of the product |
 * | `query` | the text of the box |
 *
 * Parts for CSS: `input`, `status`, `list`, `item`, `title`, `price`, `mark`.
 *
 * @example
 * <script type="module" src="/corom/element.js"></script>
 * <corom-search catalog="/catalog/" model="/model/" link="url"></corom-search>
 */
export class CoromSearch extends HTMLElement {
  /** The catalog; undefined while it loads. */
  readonly catalog: Catalog | undefined;
}
