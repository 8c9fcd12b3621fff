// Creates the classes of `corom/worker` for one host.
import { throwIfAborted, untilAborted } from "../abort.js";
import { readArgument, readError } from "../arguments.js";
import { checkCacheOptions } from "../cache.js";
import { devicesOf } from "../device/adapter.js";
import { CoromError, messageOf } from "../errors.js";
import { calledOn, loaded } from "../model-instance.js";
import { COROM_OPTIONS, RERANKER_OPTIONS, loadOptions } from "../load-options.js";
import { modelCache } from "../model-cache.js";
import { Corom as CoromBase, CoromReranker as RerankerBase } from "./corom.js";
import { WorkerEngine } from "./engine.js";
import { WORKER_OPTIONS, checkWorkerOptions } from "./options.js";
import { Pool } from "./pool.js";
import { WorkerRerankEngine } from "./rerank-engine.js";
import { serialize } from "./serialize.js";
import { SharedLoad } from "./shared-load.js";
import { Supervisor } from "./supervisor.js";

/** Parts that `load` of each class needs: the class's name in the worker, the options, the engine. */
const EMBEDDER = { name: "Corom", options: COROM_OPTIONS, Engine: WorkerEngine };
const RERANKER = { name: "CoromReranker", options: RERANKER_OPTIONS, Engine: WorkerRerankEngine };

/**
 * `host.spawn(worker, handlers)` starts a worker. `host.resolveLocation(text)` makes a URL or path absolute, as this
 * thread resolves it.
 */
export function createWorkerCoromClass(host) {
  // A class declaration, because in `return class Corom …` esbuild reuses the name of the base class.
  class Corom extends CoromBase {
    static get cache() {
      return modelCache(host);
    }

    static devices() {
      return devicesOf(host);
    }

    static load(source, options) {
      return loadModel(EMBEDDER, calledOn(this, Corom), host, source, options);
    }
  }
  return Corom;
}

/** The argument is that of `createWorkerCoromClass`. */
export function createWorkerRerankerClass(host) {
  class CoromReranker extends RerankerBase {
    static get cache() {
      return modelCache(host);
    }

    static load(source, options) {
      return loadModel(RERANKER, calledOn(this, CoromReranker), host, source, options);
    }
  }
  return CoromReranker;
}

async function loadModel(kind, Class, host, source, given) {
  const { signal, onProgress, wasm, worker, workers = 1, abortTimeout, pairCache, rest } = readArgument("options", () => {
    Promise.resolve(given?.wasm).catch(() => {}); // the rejection is reported below
    // The worker checks too, but some invalid values cannot be sent to it.
    const options = checkWorkerOptions(loadOptions(given, kind.options, WORKER_OPTIONS));
    checkCacheOptions(host, options);
    const here = ["signal", "onProgress", "wasm", "pairCache"];
    const names = kind.options.names.filter((name) => !here.includes(name) && given?.[name] != null);
    return { ...options, rest: Object.fromEntries(names.map((name) => [name, given[name]])) };
  });
  const settled = Promise.resolve(wasm).catch((cause) => {
    throw new CoromError("FETCH_FAILED", `wasm: the promise was rejected: ${messageOf(cause)}`, { cause });
  });
  settled.catch(() => {});
  throwIfAborted(signal);
  const shared = []; // functions of the caller, which stay in this thread
  const share = (f) => shared.push(f) - 1;
  const serializeArguments = async () => {
    const { resolveLocation, resolveBinary = resolveLocation } = host;
    const serializedSource = await serialize(source, { resolveLocation, share, name: "source" });
    const options = await serialize(rest, { share, name: "options" });
    options.object.push(["wasm", await serialize(await settled, { resolveLocation: resolveBinary, share, name: "wasm" })]);
    return { name: kind.name, source: serializedSource, options };
  };
  const failed = (thrown) => {
    throw readError("source or options", thrown);
  };
  const progress = new PoolProgress(onProgress);
  const load = new SharedLoad(await untilAborted(serializeArguments().catch(failed), signal), { isShared: workers > 1 });
  const spawn = (handlers) => host.spawn(worker, handlers);
  const handlers = { progress: (event) => progress.report(event), shared };
  const pool = new Pool(Array.from({ length: workers }, () => new Supervisor({ spawn, load, handlers, abortTimeout })));
  const info = await pool.start(signal);
  try {
    progress.finish();
  } catch (thrown) {
    pool.close(thrown);
    throw thrown;
  }
  return new Class(loaded, new kind.Engine({ pool, info }), { pairCache });
}

/** Passes progress events on. The event `done` of the first load waits until all workers have the model. */
class PoolProgress {
  #onProgress;
  #isFinished = false;
  #done;

  constructor(onProgress) {
    this.#onProgress = onProgress;
  }

  report(event) {
    if (event.phase === "done" && !this.#isFinished) this.#done = event;
    else this.#onProgress?.(event);
  }

  finish() {
    this.#isFinished = true;
    if (this.#done) this.#onProgress?.(this.#done);
  }
}
