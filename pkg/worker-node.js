// Entry `corom/worker` for Node, Deno and Bun: the same class, living in a worker thread.
import { Worker } from "node:worker_threads";
import { Corom as Base } from "./lib/worker/corom.js";
import { nodeHost } from "./lib/worker/host-node.js";
import { loadInWorker } from "./lib/worker/load.js";

export { CoromError } from "./lib/errors.js";

// Spelled so that bundlers find the script.
const host = nodeHost((options) => new Worker(new URL("./worker-thread-node.js", import.meta.url), options));

export class Corom extends Base {
  static load(source, options) {
    return loadInWorker(this, host, source, options);
  }
}
