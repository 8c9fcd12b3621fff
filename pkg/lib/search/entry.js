// Creates the class `Catalog` of `corom/search` for one host, with its catalog on this thread.
import { readArgument } from "../arguments.js";
import { calledOn, loaded } from "../model-instance.js";
import { CatalogBase, catalogCache } from "./catalog.js";
import { CatalogEngine } from "./engine.js";
import { catalogLoadOptions } from "./load-options.js";

/** Returns the class `Catalog` of a host: the exports of host-web.js or host-node.js, and `searchBinary`. */
export function createCatalogClass(functions, searchBinary) {
  const host = { ...functions, searchBinary };
  // A class declaration, because in `return class Catalog …` esbuild reuses the name of the base class.
  class Catalog extends CatalogBase {
    static cache = catalogCache(host);

    static async load(source, given) {
      const Class = calledOn(this, Catalog);
      const options = readArgument("options", () => catalogLoadOptions(given));
      return new Class(loaded, await CatalogEngine.load(host, source, options));
    }
  }
  return Catalog;
}
