// Creates the classes of one host. An entry file (browser.js, node.js, ...) contains only what differs per host.
import { Corom as CoromBase } from "./corom.js";
import { devicesOf } from "./device/adapter.js";
import { calledOn } from "./model-instance.js";
import { EMBEDDER, RERANKER } from "./kinds.js";
import { loadModel } from "./load.js";
import { modelCache } from "./model-cache.js";
import { CoromReranker as RerankerBase } from "./reranker.js";

/**
 * Returns the class `Corom` of a host. `functions` are the exports of host-web.js or host-node.js, and `more` has
 * `binaries` (see module.js) and what else the entry adds. They are two arguments, because esbuild keeps a call whose
 * argument has a spread, and with it the whole package, in a bundle that uses only CoromError.
 */
export function createCoromClass(functions, more) {
  const host = { ...functions, ...more };
  // A class declaration, because in `return class Corom …` esbuild reuses the name of the base class.
  class Corom extends CoromBase {
    static cache = modelCache(host);

    static devices() {
      return devicesOf(host);
    }

    static load(source, options) {
      return loadModel(EMBEDDER, calledOn(this, Corom), host, source, options);
    }
  }
  return Corom;
}

/** Returns the class `CoromReranker` of a host. The arguments are those of `createCoromClass`. */
export function createRerankerClass(functions, more) {
  const host = { ...functions, ...more };
  class CoromReranker extends RerankerBase {
    static cache = modelCache(host);

    static load(source, options) {
      return loadModel(RERANKER, calledOn(this, CoromReranker), host, source, options);
    }
  }
  return CoromReranker;
}
