// Entry for workerd (Cloudflare Workers), which cannot compile WebAssembly at run time: the compiled module is part of
// the upload. Only the relaxed binary is included, because uploads have a size limit and every workerd has relaxed
// SIMD.
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import relaxed from "./wasm/corom-relaxed.wasm";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

const binaries = { relaxed: () => relaxed };

export const Corom = /* @__PURE__ */ createCoromClass(web, { binaries });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(web, { binaries });
