// Entry `corom/worker` for browsers: the same class, living in a Web Worker.
import { Corom as Base } from "./lib/worker/corom.js";
import { webHost } from "./lib/worker/host-web.js";
import { loadInWorker } from "./lib/worker/load.js";

export { CoromError } from "./lib/errors.js";

// Spelled so that bundlers find the script.
const host = webHost(() => new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" }));

export class Corom extends Base {
  static load(source, options) {
    return loadInWorker(this, host, source, options);
  }
}
