// The class `Corom` of `corom/worker`: the class of lib/corom.js with an engine in a worker. See worker.d.ts for the
// public methods.
import { Corom as Base, engineOf, runQueued } from "../corom.js";

export class Corom extends Base {
  async unload() {
    return runQueued(this, () => engineOf(this).unload(), { isExclusive: true });
  }
}
