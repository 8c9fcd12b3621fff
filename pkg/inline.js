// Entry `corom/inline`: the WebAssembly is part of the JavaScript, for hosts that cannot serve or ship a file.
import { createCoromClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import { decodeInlineWasm } from "./lib/inline.js";
import encoded from "./wasm/inline.js";

export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass({ ...web, binaries: { plain: () => decodeInlineWasm(encoded) } });
