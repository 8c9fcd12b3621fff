// Entry `corom/search` for Node, Deno and Bun: catalogs and the .wasm file are read from disk, or fetched.
import * as node from "./lib/host-node.js";
import { binary } from "./lib/search/binary.js";
import { createCatalogClass } from "./lib/search/catalog.js";

export { CoromError } from "./lib/errors.js";

export const Catalog = /* @__PURE__ */ createCatalogClass(node, binary);
