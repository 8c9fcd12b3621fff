// Entry for Bun. Importing a file returns its path, and `bun build` copies the file, also into a single executable.
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { createCoromClass, createRerankerClass } from "./lib/entry.js";
import * as node from "./lib/host-node.js";
import plain from "./wasm/corom.wasm" with { type: "file" };
import relaxed from "./wasm/corom-relaxed.wasm" with { type: "file" };
import unfused from "./wasm/corom-unfused.wasm" with { type: "file" };

export { Embeddings } from "./lib/embeddings.js";
export { CoromError } from "./lib/errors.js";

// In a bundle, the path is relative to the bundle.
const urlOf = (path) => (isAbsolute(path) ? pathToFileURL(path) : new URL(path, import.meta.url));
const binaries = { plain: () => urlOf(plain), relaxed: () => urlOf(relaxed), unfused: () => urlOf(unfused) };

export const Corom = /* @__PURE__ */ createCoromClass(node, { binaries });
export const CoromReranker = /* @__PURE__ */ createRerankerClass(node, { binaries });
