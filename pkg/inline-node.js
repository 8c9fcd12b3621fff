// Entry `corom/inline` for Node, Deno and Bun: like inline.js, and models can be read from disk.
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import * as node from "./lib/host-node.js";
import { decodeInlineWasm } from "./lib/inline.js";
import encoded from "./wasm/inline.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

const binaries = { plain: () => decodeInlineWasm(encoded) };

export const Corom = /* @__PURE__ */ createCoromClass(node, { binaries });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(node, { binaries });
