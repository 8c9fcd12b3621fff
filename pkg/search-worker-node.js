// Entry `corom/search-worker` for Node, Deno and Bun: the class `Catalog` with its catalog in a worker thread.
import { Worker } from "node:worker_threads";
import { createWorkerCatalogClass } from "./lib/search/worker-load.js";
import { nodeHost } from "./lib/worker/host-node.js";

export { CoromError } from "./lib/errors.js";

// Bundlers find the script by this literal expression.
const start = (options) => new Worker(new URL("./search-worker-thread-node.js", import.meta.url), options);

export const Catalog = /* @__PURE__ */ createWorkerCatalogClass(/* @__PURE__ */ nodeHost(start));
