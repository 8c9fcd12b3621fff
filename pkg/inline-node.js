// Entry `corom/inline` for Node, Deno and Bun: as inline.js, and models are read from disk too.
import { createCoromClass } from "./lib/entry.js";
import * as node from "./lib/host-node.js";
import { decodeInlineWasm } from "./lib/inline.js";
import encoded from "./wasm/inline.js";

export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass({ ...node, binaries: { plain: () => decodeInlineWasm(encoded) } });
