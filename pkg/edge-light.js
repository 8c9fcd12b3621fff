// Entry for the edge runtime of Vercel and Next.js, which compiles no WebAssembly at run time: `?module` asks its
// bundlers for a compiled module. The plain binary, as development servers run it in Node, of any version.
import { createCoromClass } from "./lib/entry.js";
import * as web from "./lib/host-web.js";
import plain from "./wasm/corom.wasm?module";

export { CoromError } from "./lib/errors.js";

export const Corom = /* @__PURE__ */ createCoromClass({ ...web, binaries: { plain: () => plain } });
