// Entry for browsers, and for every other host that has fetch and can serve the .wasm beside this file.
import { binaries } from "./lib/binaries.js";
import { Corom as Base } from "./lib/corom.js";
import * as web from "./lib/host-web.js";
import { loadInto } from "./lib/load.js";

export { CoromError } from "./lib/errors.js";

const host = { ...web, binaries };

export class Corom extends Base {
  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
