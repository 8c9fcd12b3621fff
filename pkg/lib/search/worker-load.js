// Creates the class `Catalog` of `corom/search-worker` for one host.
import { throwIfAborted, untilAborted } from "../abort.js";
import { readArgument, readError } from "../arguments.js";
import { checkCacheOptions } from "../cache.js";
import { CoromError, messageOf } from "../errors.js";
import { calledOn, loaded } from "../model-instance.js";
import { checkWorker } from "../worker/options.js";
import { serialize } from "../worker/serialize.js";
import { CatalogBase, catalogCache } from "./catalog.js";
import { CATALOG_OPTIONS, catalogLoadOptions } from "./load-options.js";
import { WorkerCatalogEngine } from "./worker-engine.js";

/** The options that stay on this thread. */
const OWN_OPTIONS = ["signal", "onProgress", "wasm"];

/** `host` is that of createWorkerCoromClass. */
export function createWorkerCatalogClass(host) {
  // A class declaration, because in `return class Catalog …` esbuild reuses the name of the base class.
  class Catalog extends CatalogBase {
    static get cache() {
      return catalogCache(host);
    }

    static async load(source, given) {
      const Class = calledOn(this, Catalog);
      return new Class(loaded, await loadEngine(host, source, given));
    }
  }
  return Catalog;
}

async function loadEngine(host, source, given) {
  const { signal, onProgress, wasm, worker, rest } = readArgument("options", () => {
    // The worker checks too, but some invalid values cannot be sent to it.
    const options = catalogLoadOptions(given, ["worker"]);
    checkWorker(options.worker);
    checkCacheOptions(host, options);
    const names = CATALOG_OPTIONS.filter((name) => !OWN_OPTIONS.includes(name) && given?.[name] != null);
    return { ...options, rest: Object.fromEntries(names.map((name) => [name, given[name]])) };
  });
  throwIfAborted(signal);
  const shared = []; // functions of the caller, which stay on this thread
  const share = (f) => shared.push(f) - 1;
  const serializeArguments = async () => {
    const { resolveLocation, resolveBinary = resolveLocation } = host;
    const options = await serialize(rest, { share, name: "options" });
    const settled = await Promise.resolve(wasm).catch((cause) => {
      throw new CoromError("FETCH_FAILED", `wasm: the promise was rejected: ${messageOf(cause)}`, { cause });
    });
    options.object.push(["wasm", await serialize(settled, { resolveLocation: resolveBinary, share, name: "wasm" })]);
    return { source: await serialize(source, { resolveLocation, share, name: "source" }), options };
  };
  const failed = (thrown) => {
    throw readError("source or options", thrown);
  };
  const message = await untilAborted(serializeArguments().catch(failed), signal);
  const handlers = { progress: (event) => onProgress?.(event), shared };
  const engine = new WorkerCatalogEngine({ spawn: (given) => host.spawn(worker, given), handlers, message });
  await engine.start(signal);
  return engine;
}
