// Entry `corom/element`: defines the custom element <corom-search>, a search box with results for pages of any kind.
import { Catalog } from "./search-worker.js";
import { Corom } from "./worker.js";
import { createSearchElement } from "./lib/element/search-element.js";

export const CoromSearch = createSearchElement({ Catalog, Corom });

// On a server, where pages are rendered, there are no custom elements.
if (globalThis.customElements && !customElements.get("corom-search")) customElements.define("corom-search", CoromSearch);
