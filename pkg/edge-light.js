// Entry for the edge runtime of Vercel and Next.js, which cannot compile WebAssembly at run time. `?module` makes its
// bundlers import a compiled module. Only the plain binary is included, because development servers run this entry in
// any version of Node.
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import plain from "./wasm/corom.wasm?module";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

const binaries = { plain: () => plain };

export const Corom = /* @__PURE__ */ createCoromClass(web, { binaries });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(web, { binaries });
