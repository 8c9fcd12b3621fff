// Entry `corom/search` for browsers, and for every other host that has `fetch` and can serve corom-search.wasm.
import * as web from "./lib/host-web.js";
import { binary } from "./lib/search/binary.js";
import { createCatalogClass } from "./lib/search/catalog.js";

export { CoromError } from "./lib/errors.js";

export const Catalog = /* @__PURE__ */ createCatalogClass(web, binary);
