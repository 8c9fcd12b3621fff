// Entry `corom/worker` for browsers: the class `Corom` with its model in a Web Worker.
import { webHost } from "./lib/worker/host-web.js";
import { createWorkerCoromClass, createWorkerRerankerClass } from "./lib/worker/load.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

// Bundlers find the script by this literal expression.
const start = () => new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" });

export const Corom = /* @__PURE__ */ createWorkerCoromClass(/* @__PURE__ */ webHost(start));
export const CoromReranker = /* @__PURE__ */ createWorkerRerankerClass(/* @__PURE__ */ webHost(start));
