// Entry `corom/inline`: the WebAssembly is part of the JavaScript, for hosts that cannot serve or ship a file.
import { createCoromClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import { unpacked } from "./lib/inline.js";
import packed from "./wasm/inline.js";

export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass({ ...web, binaries: { plain: () => unpacked(packed) } });
