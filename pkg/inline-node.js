// Entry `corom/inline` for Node, Deno and Bun: as inline.js, and models are read from disk too.
import { Corom as Base } from "./lib/corom.js";
import * as node from "./lib/host-node.js";
import { unpacked } from "./lib/inline.js";
import { loadInto } from "./lib/load.js";
import packed from "./wasm/inline.js";

export { CoromError } from "./lib/errors.js";

const host = { ...node, binaries: { plain: () => unpacked(packed) } };

export class Corom extends Base {
  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
