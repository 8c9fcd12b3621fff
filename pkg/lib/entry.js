// The class `Corom` of one host. An entry file says what is particular to its host, and no more.
import { modelCache } from "./cache.js";
import { Corom as Base } from "./corom.js";
import { loadModel } from "./load.js";

/** `host`: what host-web.js or host-node.js exports, and `binaries`, see module.js. */
export function createCoromClass(host) {
  // Not as an expression: esbuild gives a class that is called like the one it extends the same name.
  class Corom extends Base {
    static cache = modelCache(host);

    static load(source, options) {
      return loadModel(this, host, source, options);
    }
  }
  return Corom;
}
