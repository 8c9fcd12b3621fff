// Entry `corom/search-worker` for browsers: the class `Catalog` with its catalog in a Web Worker.
import { webHost } from "./lib/worker/host-web.js";
import { createWorkerCatalogClass } from "./lib/search/worker-load.js";

export { CoromError } from "./lib/errors.js";

// Bundlers find the script by this literal expression.
const start = () => new Worker(new URL("./search-worker-thread.js", import.meta.url), { type: "module" });

export const Catalog = /* @__PURE__ */ createWorkerCatalogClass(/* @__PURE__ */ webHost(start));
