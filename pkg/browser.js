// Entry for browsers, and for every other host that has fetch and can serve the .wasm beside this file.
import { cacheOf } from "./lib/cache.js";
import { Corom as Base } from "./lib/corom.js";
import { loadInto } from "./lib/load.js";
import * as host from "./lib/host-web.js";

export { CoromError } from "./lib/errors.js";

export class Corom extends Base {
  static cache = cacheOf(host);

  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
