// Entry for Node and Deno: models and the .wasm are read from disk, or fetched.
import { binaries } from "./lib/binaries.js";
import { Corom as Base } from "./lib/corom.js";
import * as node from "./lib/host-node.js";
import { loadInto } from "./lib/load.js";

export { CoromError } from "./lib/errors.js";

const host = { ...node, binaries };

export class Corom extends Base {
  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
