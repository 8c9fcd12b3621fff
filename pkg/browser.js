// Entry for browsers, and for every other host that has `fetch` and can serve the .wasm files beside this file.
import { binaries } from "./lib/binaries.js";
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import { createHasherFactory } from "./lib/hash-web.js";
import * as web from "./lib/host-web.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass(web, { binaries, createHasherFactory });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(web, { binaries, createHasherFactory });
