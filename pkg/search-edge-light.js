// Entry `corom/search` for the edge runtime of Vercel and Next.js, which cannot compile WebAssembly at run time. `?module`
// makes its bundlers import a compiled module.
import * as web from "./lib/host-web.js";
import { createCatalogClass } from "./lib/search/entry.js";
import module from "./wasm/corom-search.wasm?module";

export { CoromError } from "./lib/errors.js";

export const Catalog = /* @__PURE__ */ createCatalogClass(web, () => module);
