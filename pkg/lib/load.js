// Loading: the loader in Rust says which files it wants next and checks them; here they are moved.
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

/** Files on the way at once: with more, the weights that wait for their mirror take more memory than they save time. */
const MAX_PARALLEL_FILES = 3;

/** `Corom.load` of every entry: `host.openSource(source)` knows the files, `host.binary` the WebAssembly. */
export async function loadModel(Class, host, source, given) {
  // Its rejection is reported when the module is due, if nothing else fails before: no host may call it unhandled.
  Promise.resolve(given?.wasm).catch(() => {});
  const options = loadOptions(given);
  throwIfAborted(options.signal);
  const files = await host.openSource(source);
  const progress = new ProgressReporter(options.onProgress);
  const warn = (...warning) => progress.warn(...warning);
  const cache = files.manifestAddress === undefined ? undefined : await openCache(host, options, warn);
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
    await yieldToEventLoop(); // so that a page can show it
    throwIfAborted(signal);
    return runtime.call(work);
  };
  const packed = await phase("pack", () => loader.pack());
  const embedder = runtime.call(() => packed.hasSelfTest)
    ? await phase("self-test", () => packed.finish())
    : runtime.call(() => packed.finish());
  await manifestTransfer.store();
  progress.report("done");
  return { embedder, content };
}

/**
 * Rounds of wanted files, until the loader wants no more. `content` is made of the hashes that the manifest has for
 * them; undefined without one.
 */
async function transferAll(runtime, loader, source, options) {
  const { cache, progress, signal, createHasher, prefetch, fetch, retries, stallTimeoutMs } = options;
  const { controller, release } = childController(signal);
  const sink = sinkFor(runtime, loader);
  const manifestTransfer = new ManifestTransfer(sink, { cache, address: source.manifestAddress, progress });
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
      const wanted = runtime.call(() => loader.wanted());
      if (wanted.length === 0) return { manifestTransfer, content };
      if (wanted.some(({ path }) => requested.has(path))) {
        throw new CoromError(
          "INTERNAL",
          `the loader asked twice for ${wanted.map((w) => w.path).join(", ")}; please report it`,
        );
      }
      progress.setManifestTotal(runtime.call(() => loader.total()));
      for (const { path, size, sha256 } of wanted) {
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

/** What a transfer does with the loader. */
function sinkFor(runtime, loader) {
  const on =
    (name) =>
    (...args) =>
      runtime.call(() => loader[name](...args));
  return Object.fromEntries(["begin", "feed", "fed", "end", "missing", "isPage"].map((name) => [name, on(name)]));
}

/**
 * `work` on every item, a few at a time. The first failure is the outcome: it ends the others, and is thrown when they
 * have ended.
 */
async function runInParallel(items, controller, work) {
  const rest = [...items];
  let failure;
  const worker = async () => {
    while (rest.length > 0 && !failure) {
      try {
        await work(rest.shift());
      } catch (error) {
        failure ??= { error };
        controller.abort(failure.error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL_FILES, items.length) }, worker));
  if (failure) throw failure.error;
}
