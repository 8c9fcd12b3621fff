// Entry for workerd (Cloudflare Workers), which compiles no WebAssembly at run time: the module is part of the upload.
// Only one, as an upload has a size limit; every workerd has relaxed SIMD.
import { createCoromClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import relaxed from "./wasm/corom-relaxed.wasm";

export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass({ ...web, binaries: { relaxed: () => relaxed } });
