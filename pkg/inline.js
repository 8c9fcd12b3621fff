// Entry `corom/inline`: the JavaScript contains the WebAssembly binary, for hosts that cannot serve a .wasm file.
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import { decodeInlineWasm } from "./lib/inline.js";
import encoded from "./wasm/inline.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

const binaries = { plain: () => decodeInlineWasm(encoded) };

export const Corom = /* @__PURE__ */ createCoromClass(web, { binaries });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(web, { binaries });
