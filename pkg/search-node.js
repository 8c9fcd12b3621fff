// Entry `corom/search` for Node, Deno and Bun: catalogs and the .wasm file are read from disk, or fetched.
import * as node from "./lib/host-node.js";
import { binary } from "./lib/search/binary.js";
import { createCluster, createProject2d } from "./lib/search/analysis.js";
import { createCatalogClass } from "./lib/search/entry.js";

export { CoromError } from "./lib/errors.js";

export const Catalog = /* @__PURE__ */ createCatalogClass(node, binary);
export const cluster = /* @__PURE__ */ createCluster(node, binary);
export const project2d = /* @__PURE__ */ createProject2d(node, binary);
