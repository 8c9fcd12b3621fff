// Entry `corom/worker` for browsers: the same class, living in a Web Worker.
import { webHost } from "./lib/worker/host-web.js";
import { createWorkerCoromClass } from "./lib/worker/load.js";

export { CoromError } from "./lib/errors.js";

// Spelled so that bundlers find the script.
const start = () => new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" });

export const Corom = /* @__PURE__ */ createWorkerCoromClass(/* @__PURE__ */ webHost(start));
