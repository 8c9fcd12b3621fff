// Entry for the edge runtime of Vercel and Next.js, which compiles no WebAssembly at run time: `?module` asks its
// bundlers for a compiled module. The plain binary, as development servers run it in Node, of any version.
import { Corom as Base } from "./lib/corom.js";
import * as web from "./lib/host-web.js";
import { loadInto } from "./lib/load.js";
import plain from "./wasm/corom.wasm?module";

export { CoromError } from "./lib/errors.js";

const host = { ...web, binaries: { plain: () => plain } };

export class Corom extends Base {
  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
