// The classes of `corom/worker`: those of lib/corom.js and lib/reranker.js with an engine in workers. See worker.d.ts for
// the public methods.
import { Corom as CoromBase } from "../corom.js";
import { engineOf, runQueued } from "../model-instance.js";
import { CoromReranker as RerankerBase } from "../reranker.js";

const unload = (instance) => runQueued(instance, { isExclusive: true }, () => engineOf(instance).unload());

export class Corom extends CoromBase {
  async unload() {
    return unload(this);
  }
}

export class CoromReranker extends RerankerBase {
  async unload() {
    return unload(this);
  }
}
