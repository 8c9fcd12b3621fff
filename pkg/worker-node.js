// Entry `corom/worker` for Node, Deno and Bun: the same class, living in a worker thread.
import { Worker } from "node:worker_threads";
import { nodeHost } from "./lib/worker/host-node.js";
import { createWorkerCoromClass } from "./lib/worker/load.js";

export { CoromError } from "./lib/errors.js";

// Spelled so that bundlers find the script.
const start = (options) => new Worker(new URL("./worker-thread-node.js", import.meta.url), options);

export const Corom = /* @__PURE__ */ createWorkerCoromClass(/* @__PURE__ */ nodeHost(start));
