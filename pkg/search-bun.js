// Entry `corom/search` for Bun. Importing a file returns its path, and `bun build` copies the file, also into a single
// executable.
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import * as node from "./lib/host-node.js";
import { createCatalogClass } from "./lib/search/entry.js";
import file from "./wasm/corom-search.wasm" with { type: "file" };

export { CoromError } from "./lib/errors.js";

// In a bundle, the path is relative to the bundle.
const binary = () => (isAbsolute(file) ? pathToFileURL(file) : new URL(file, import.meta.url));

export const Catalog = /* @__PURE__ */ createCatalogClass(node, binary);
