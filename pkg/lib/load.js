// `Corom.load`. The loader in Rust requests files and checks them; this module transfers the files:
//
//   start WebAssembly; meanwhile request corom.json (prefetch.js)
//   loop: ask the loader for pending files; transfer them in parallel (transfer.js); stop when there are none
//   build the model, run the self-test, store the manifest in the cache
import { childController, throwIfAborted } from "./abort.js";
import { Prefetch } from "./prefetch.js";
import { loadOptions } from "./arguments.js";
import { openCache } from "./cache.js";
import { loaded } from "./corom.js";
import { CoromError } from "./errors.js";
import { ManifestTransfer, prefetchManifest } from "./manifest.js";
import { ProgressReporter } from "./progress.js";
import { Runtime } from "./runtime.js";
import { Transfer } from "./transfer.js";
import { yieldToEventLoop } from "./yield-timer.js";

/**
 * Files that are transferred in parallel. With more, weights that wait to be packed take memory, and little time is
 * saved.
 */
const MAX_PARALLEL_FILES = 3;

/**
 * Loads a model into a new instance of `Class`. `host` has the functions of host-web.js or host-node.js, and
 * `binaries`.
 */
export async function loadModel(Class, host, source, given) {
  // A rejected `wasm` promise is reported when the module is needed. Until then it must not be an unhandled rejection.
  Promise.resolve(given?.wasm).catch(() => {});
  const options = loadOptions(given);
  throwIfAborted(options.signal);
  const files = await host.openSource(source);
  const progress = new ProgressReporter(options.onProgress);
  const warn = (...warning) => progress.warn(...warning);
  const cache = files.manifestUrl === undefined ? undefined : await openCache(host, options, warn);
  const createHasher = await host.createHasherFactory?.();
  const prefetch = new Prefetch();
  prefetchManifest(prefetch, files, options);
  let runtime;
  try {
    runtime = await Runtime.start(host, options);
    const { embedder, content } = await build(runtime, files, { ...options, cache, progress, createHasher, prefetch });
    return new Class(loaded, { runtime, embedder, content, queryCache: options.queryCache });
  } catch (error) {
    runtime?.drop();
    throw error;
  } finally {
    prefetch.cancelAll();
  }
}

async function build(runtime, source, options) {
  const { loader: settings, signal, progress } = options;
  const model = settings.model ?? source.model;
  const loader = runtime.call(
    ({ ModelLoader }) => new ModelLoader(model === undefined ? settings : { ...settings, model }),
  );
  if (source.paths) runtime.call(() => loader.setListing(source.paths));
  const { manifestTransfer, content } = await transferAll(runtime, loader, source, options);
  const phase = async (name, work) => {
    progress.report(name);
    await yieldToEventLoop(); // lets the page show the phase
    throwIfAborted(signal);
    return runtime.call(work);
  };
  const unverified = await phase("pack", () => loader.buildUnverified());
  if (runtime.call(() => unverified.hasSelfTest)) {
    // A device other than the CPU needs the event loop between steps.
    let passed = await phase("self-test", () => unverified.step());
    while (!passed) {
      await yieldToEventLoop();
      throwIfAborted(signal);
      passed = runtime.call(() => unverified.step());
    }
  }
  const embedder = runtime.call(() => unverified.finish());
  await manifestTransfer.store();
  progress.report("done");
  return { embedder, content };
}

/**
 * Transfers pending files in rounds, until the loader requests no more. Returns `content`: the paths and SHA-256s of
 * all files, or undefined if there is no manifest.
 */
async function transferAll(runtime, loader, source, options) {
  const { cache, progress, signal, createHasher, prefetch, fetch, retries, stallTimeoutMs } = options;
  const { controller, release } = childController(signal);
  const sink = sinkFor(runtime, loader);
  const manifestTransfer = new ManifestTransfer(sink, { cache, url: source.manifestUrl, progress });
  const transfer = new Transfer(manifestTransfer.sink, {
    source,
    cache,
    progress,
    createHasher,
    prefetch,
    fetch,
    retries,
    stallTimeoutMs,
    signal: controller.signal,
  });
  const requested = new Set();
  let content;
  try {
    for (;;) {
      const wanted = runtime.call(() => loader.pendingRequests());
      if (wanted.length === 0) return { manifestTransfer, content };
      if (wanted.some(({ path, again }) => requested.has(path) && !again)) {
        throw new CoromError(
          "INTERNAL",
          `the loader requested ${wanted.map((w) => w.path).join(", ")} twice; please report this bug`,
        );
      }
      progress.setManifestTotal(runtime.call(() => loader.total()));
      for (const { path, size, sha256, again } of wanted) {
        if (again) continue;
        requested.add(path);
        progress.expect(path, size, sha256 !== undefined);
        if (sha256 !== undefined) content = `${content ?? ""}${path} ${sha256}\n`;
      }
      await runInParallel(wanted, controller, async (file) => {
        await manifestTransfer.transferFile(file, transfer);
        throwIfAborted(controller.signal);
      });
    }
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
 * Runs `work` on every item, a few at a time. The first failure aborts the other items, and is thrown when they have
 * ended.
 */
async function runInParallel(items, controller, work) {
  const pending = [...items];
  let failure;
  const worker = async () => {
    while (pending.length > 0 && !failure) {
      try {
        await work(pending.shift());
      } catch (error) {
        failure ??= { error };
        controller.abort(failure.error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL_FILES, items.length) }, worker));
  if (failure) throw failure.error;
}
