// Entry `corom/search` for workerd (Cloudflare Workers), which cannot compile WebAssembly at run time: the compiled module
// is part of the upload.
import * as web from "./lib/host-web.js";
import { createCluster, createProject2d } from "./lib/search/analysis.js";
import { createCatalogClass } from "./lib/search/entry.js";
import module from "./wasm/corom-search.wasm";

export { CoromError } from "./lib/errors.js";

export const Catalog = /* @__PURE__ */ createCatalogClass(web, () => module);
export const cluster = /* @__PURE__ */ createCluster(web, () => module);
export const project2d = /* @__PURE__ */ createProject2d(web, () => module);
