// Entry `corom/worker` for Node, Deno and Bun: the class `Corom` with its model in a worker thread.
import { Worker } from "node:worker_threads";
import { nodeHost } from "./lib/worker/host-node.js";
import { createWorkerCoromClass, createWorkerRerankerClass } from "./lib/worker/load.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

// Bundlers find the script by this literal expression.
const start = (options) => new Worker(new URL("./worker-thread-node.js", import.meta.url), options);

export const Corom = /* @__PURE__ */ createWorkerCoromClass(/* @__PURE__ */ nodeHost(start));
export const CoromReranker = /* @__PURE__ */ createWorkerRerankerClass(/* @__PURE__ */ nodeHost(start));
