// Entry `corom/inline`: the WebAssembly is part of the JavaScript, for hosts that cannot serve or ship a file.
import { Corom as Base } from "./lib/corom.js";
import * as web from "./lib/host-web.js";
import { unpacked } from "./lib/inline.js";
import { loadInto } from "./lib/load.js";
import packed from "./wasm/inline.js";

export { CoromError } from "./lib/errors.js";

const host = { ...web, binaries: { plain: () => unpacked(packed) } };

export class Corom extends Base {
  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
