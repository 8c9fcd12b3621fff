// Entry `corom/search` for browsers, and for every other host that has `fetch` and can serve corom-search.wasm.
import * as web from "./lib/host-web.js";
import { binary } from "./lib/search/binary.js";
import { createCluster, createProject2d } from "./lib/search/analysis.js";
import { createCatalogClass } from "./lib/search/entry.js";

export { CoromError } from "./lib/errors.js";

export const Catalog = /* @__PURE__ */ createCatalogClass(web, binary);
export const cluster = /* @__PURE__ */ createCluster(web, binary);
export const project2d = /* @__PURE__ */ createProject2d(web, binary);
