// Entry for Node (Deno and Bun take it too): models and the .wasm are read from disk, or fetched.
import { cacheOf } from "./lib/cache.js";
import { Corom as Base } from "./lib/corom.js";
import { loadInto } from "./lib/load.js";
import * as host from "./lib/host-node.js";

export { CoromError } from "./lib/errors.js";

export class Corom extends Base {
  static cache = cacheOf(host);

  static load(source, options) {
    return loadInto(this, host, source, options);
  }
}
