// Entry for Node and Deno: models and the .wasm files are read from disk, or fetched.
import { binaries } from "./lib/binaries.js";
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import * as node from "./lib/host-node.js";

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass(node, { binaries });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(node, { binaries });
