// `Corom.load` and `CoromReranker.load`. The loader in Rust requests files and checks them; this module transfers the files:
//
//   start WebAssembly; meanwhile request corom.json (prefetch.js)
//   loop: ask the loader for pending files; transfer them in parallel (transfer.js); stop when there are none
//     graph or tokenizer not in this binary: start again in the one that has it (NEEDS_UNFUSED), with the files received
//   build the model, run the self-test, store the manifest in the cache
import { childController, throwIfAborted, untilAborted } from "./abort.js";
import { Prefetch } from "./prefetch.js";
import { FedFiles } from "./device/fed-files.js";
import { GPU_HISTORY, isDeviceLost, isGpuLoadError, markLoss } from "./device/history.js";
import { loadOnDevice } from "./device/load.js";
import { GpuRuntime } from "./device/runtime.js";
import { readArgument, readError } from "./arguments.js";
import { LOAD_RECORD } from "./load-record.js";
import { checkCacheOptions, openCache } from "./cache.js";
import { CoromError } from "./errors.js";
import { KeptFiles } from "./kept-file.js";
import { loadOptions } from "./load-options.js";
import { ManifestTransfer, prefetchManifest } from "./manifest.js";
import { hasUnfused, needsUnfused } from "./module.js";
import { ProgressReporter } from "./progress.js";
import { Runtime } from "./runtime.js";
import { Transfer } from "./transfer.js";
import { VersionedFiles, isRestart } from "./versioned-files.js";
import { withAddress } from "./with-address.js";
import { yieldToEventLoop } from "./yield-timer.js";

/**
 * Files that are transferred in parallel. With more, weights that wait to be packed take memory, and little time is
 * saved.
 */
const MAX_PARALLEL_FILES = 3;
/** Times that a load starts again because the folder changed on the server meanwhile. */
const MAX_RESTARTS = 2;

/**
 * Loads a model of a kind (kinds.js) into a new instance of `Class`. `host` has the functions of host-web.js or
 * host-node.js, and `binaries`.
 */
export async function loadModel(kind, Class, host, source, given) {
  const options = readArgument("options", () => {
    // A rejected `wasm` promise is reported when the module is needed. Until then it must not be an unhandled rejection.
    Promise.resolve(given?.wasm).catch(() => {});
    return loadOptions(given, kind.options);
  });
  throwIfAborted(options.signal);
  checkCacheOptions(host, options);
  const files = await untilAborted(openSource(host, source), options.signal);
  /** Loads the model for the CPU, or for a GPU (device/adapter.js). `more` replaces options. */
  const load = (gpu, more) => loadEngine({ kind, host, files, options: { ...options, ...more, gpu } });
  const first = { signal: options.signal, record: given?.[LOAD_RECORD] };
  const onDevice = () => loadOnDevice({ kind, host, options, load, first, history: given?.[GPU_HISTORY] });
  const engine = await (options.device === "wasm" ? load(undefined, first) : onDevice());
  return kind.createInstance(Class, engine, options);
}

/** Loads the model once, for the CPU or for `options.gpu`. Returns the engine. */
async function loadEngine({ kind, host, files, options }) {
  const progress = new ProgressReporter(options.onProgress);
  const warn = (...warning) => progress.warn(...warning);
  const cache = files.manifestUrl === undefined ? undefined : await openCache(host, options, warn);
  const createHasher = await host.createHasherFactory?.();
  const { gpu, record, queryCache } = options;
  let unfused = gpu === undefined && options.loader.fused === false && hasUnfused(host, options);
  /** The files received so far that only this load has: downloaded, and not in the cache. */
  let keptFiles = new KeptFiles();
  for (let restarts = 0; ; ) {
    const prefetch = new Prefetch();
    if (keptFiles.isEmpty) prefetchManifest(prefetch, files, options);
    let runtime;
    try {
      runtime = await (gpu ? GpuRuntime : Runtime).start(host, { ...options, unfused });
      record?.begin(runtime.module, files);
      const more = { cache, progress, createHasher, prefetch, keptFiles };
      const built = await build(kind, runtime, files, { ...options, ...more });
      return kind.createEngine({ runtime, ...built, queryCache, batchTimeMs: gpu ? undefined : host.batchTimeMs });
    } catch (error) {
      const isLost = isGpuLoadError(error) && (await isDeviceLost(runtime, options.signal).catch(() => false));
      runtime?.drop();
      if (error?.code === "NEEDS_UNFUSED" && !unfused && !gpu) {
        if (!hasUnfused(host, options)) throw needsUnfused(host, options, error);
        unfused = true;
      } else {
        if (!isRestart(error) || restarts++ === MAX_RESTARTS) {
          throw isLost ? markLoss(withAddress(error, files)) : withAddress(error, files);
        }
        keptFiles = new KeptFiles();
      }
    } finally {
      prefetch.cancelAll();
    }
  }
}

async function openSource(host, source) {
  try {
    return await host.openSource(source);
  } catch (thrown) {
    throw readError("source", thrown);
  }
}

async function build(kind, runtime, source, options) {
  const { signal, progress } = options;
  const settings = { ...options.loader, ...kind.loader };
  const onnx = settings.model ?? source.model;
  const loader = runtime.createLoader(onnx === undefined ? settings : { ...settings, model: onnx });
  if (source.paths) runtime.call(() => loader.setListing(source.paths));
  const { manifestTransfer, versions, content } = await transferAll(runtime, loader, source, options);
  const onnxFile = runtime.call(() => loader.onnxFile());
  const phase = async (name, work) => {
    progress.report(name);
    await yieldToEventLoop(); // lets the page show the phase
    throwIfAborted(signal);
    return runtime.call(work);
  };
  const unverified = await phase("pack", () => loader.buildUnverified());
  if (runtime.call(() => unverified.hasSelfTest)) {
    // A GPU computes between the steps; `isPending` means that they wait for it.
    let passed = await phase("self-test", () => unverified.step());
    while (!passed) {
      await (runtime.call(() => unverified.isPending) ? untilAborted(runtime.wait(), signal) : yieldToEventLoop());
      throwIfAborted(signal);
      passed = runtime.call(() => unverified.step());
    }
  }
  const model = runtime.call(() => kind.finish(unverified));
  runtime.checkModel(model);
  await manifestTransfer.store();
  await versions?.store();
  progress.report("done");
  return { model, content, onnxFile };
}

/**
 * Transfers pending files, until the loader requests no more. Returns `content`: the paths and SHA-256s of all files.
 * Without a manifest it is undefined; if the model may be loaded again for another device, the files are hashed.
 */
async function transferAll(runtime, loader, source, options) {
  const { cache, progress, signal, createHasher, prefetch, keptFiles, record, fetch, retries, stallTimeoutMs } = options;
  const { controller, release } = childController(signal);
  const fedFiles = options.device === "wasm" ? undefined : new FedFiles(createHasher);
  const fedSink = fedFiles?.wrap(sinkFor(runtime, loader)) ?? sinkFor(runtime, loader);
  const sink = record?.wrap(fedSink) ?? fedSink;
  const manifestTransfer = new ManifestTransfer(sink, { cache, url: source.manifestUrl, progress });
  const isKept = cache !== undefined && createHasher !== undefined;
  const versions = isKept ? new VersionedFiles(manifestTransfer.sink, { cache, url: source.manifestUrl, progress }) : undefined;
  const transfer = new Transfer(manifestTransfer.sink, {
    source,
    cache,
    progress,
    createHasher,
    prefetch,
    keptFiles,
    versions,
    fetch,
    retries,
    stallTimeoutMs,
    signal: controller.signal,
  });
  const requested = new Set();
  let content;
  const running = new Set();
  /** Returns the files that the loader requests and that are not being transferred. */
  const takeRequests = () => {
    const wanted = runtime.call(() => loader.pendingRequests()).filter(({ path }) => !running.has(path));
    const twice = wanted.filter(({ path, again }) => requested.has(path) && !again).map(({ path }) => path);
    if (twice.length > 0) {
      throw new CoromError("INTERNAL", `the loader requested ${twice.join(", ")} twice; please report this bug`);
    }
    if (wanted.length > 0) progress.setManifestTotal(runtime.call(() => loader.total()));
    for (const { path, size, sha256, again } of wanted) {
      running.add(path);
      if (again) continue;
      requested.add(path);
      progress.expect(path, size, sha256 !== undefined);
      if (sha256 !== undefined) content = `${content ?? ""}${path} ${sha256}\n`;
    }
    return wanted;
  };
  try {
    await runInParallel(takeRequests, controller, async (file) => {
      await manifestTransfer.transferFile(file, transfer);
      running.delete(file.path);
      throwIfAborted(controller.signal);
    });
    await transfer.confirmVersions();
    return { manifestTransfer, versions, content: content ?? (await fedFiles?.content()) };
  } finally {
    release();
  }
}

/** Returns the loader methods that a transfer calls, with errors converted to CoromError. */
function sinkFor(runtime, loader) {
  const on =
    (name) =>
    (...args) =>
      runtime.call(() => loader[name](...args));
  return Object.fromEntries(["begin", "feed", "fed", "end", "missing", "isPage"].map((name) => [name, on(name)]));
}

/**
 * Runs `work` on every item, a few at a time. `takeItems` returns new items; it is called again whenever an item has
 * ended, because the end of a file can make the loader request another one. The first failure aborts the other items,
 * and is thrown when they have ended.
 */
async function runInParallel(takeItems, controller, work) {
  const waiting = [];
  const running = new Set();
  let failure;
  const attempt = async (act) => {
    try {
      await act();
    } catch (error) {
      failure ??= { error };
      controller.abort(failure.error);
    }
  };
  for (;;) {
    if (!failure) await attempt(() => waiting.push(...takeItems()));
    while (!failure && waiting.length > 0 && running.size < MAX_PARALLEL_FILES) {
      const item = waiting.shift();
      const promise = attempt(() => work(item)).then(() => running.delete(promise));
      running.add(promise);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (failure) throw failure.error;
}
