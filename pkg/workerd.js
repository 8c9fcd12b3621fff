// Entry for workerd (Cloudflare Workers), which compiles no WebAssembly at run time: the module is part of the upload.
// Only one, as an upload has a size limit; every workerd has relaxed SIMD.
import { Corom as Base } from "./lib/corom.js";
import * as web from "./lib/host-web.js";
import { loadInto } from "./lib/load.js";
import relaxed from "./wasm/corom-relaxed.wasm";

export { CoromError } from "./lib/errors.js";

const host = { ...web, binaries: { relaxed: () => relaxed } };

export class Corom extends Base {
  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
