// Loading: the loader in Rust says which files it wants next and checks them; here they are moved.
import { childOf, throwIfAborted } from "./abort.js";
import { loadOptions } from "./arguments.js";
import { loaded } from "./corom.js";
import { CoromError } from "./errors.js";
import { Progress } from "./progress.js";
import { Runtime } from "./runtime.js";
import { nextTurn } from "./turns.js";

/** Files on the way at once. */
const PARALLEL = 6;

/** `Corom.load` of every entry: `host.open(source)` knows the files, `host.binary` the WebAssembly. */
export async function loadInto(Class, host, source, given) {
  const options = loadOptions(given);
  // Its rejection is reported when the module is due; until then no host may call it unhandled.
  Promise.resolve(options.wasm).catch(() => {});
  throwIfAborted(options.signal);
  const files = await host.open(source);
  const runtime = await Runtime.start(host, options);
  try {
    const embedder = await build(runtime, files, options);
    return new Class(loaded, { runtime, embedder, queryCache: options.queryCache });
  } catch (error) {
    runtime.drop();
    throw error;
  }
}

async function build(runtime, files, { loader: settings, signal, onProgress }) {
  const progress = new Progress(onProgress);
  const model = settings.model ?? files.model;
  const loader = runtime.call(
    ({ ModelLoader }) => new ModelLoader(model === undefined ? settings : { ...settings, model }),
  );
  if (files.paths) runtime.call(() => loader.setListing(files.paths));
  await supply(runtime, loader, files, progress, signal);
  progress.report("pack");
  await nextTurn(); // so that a page can show that it packs
  throwIfAborted(signal);
  const embedder = runtime.call(() => loader.build());
  progress.report("done");
  return embedder;
}

/** Rounds of wanted files, until the loader wants no more. */
async function supply(runtime, loader, files, progress, signal) {
  const { controller, release } = childOf(signal);
  const answered = new Set();
  try {
    for (;;) {
      const wanted = runtime.call(() => loader.wanted());
      if (wanted.length === 0) return;
      if (wanted.some(({ path }) => answered.has(path))) {
        throw new CoromError(
          "INTERNAL",
          `the loader asked twice for ${wanted.map((w) => w.path).join(", ")}; please report it`,
        );
      }
      for (const { path, size } of wanted) {
        answered.add(path);
        progress.expect(path, size);
      }
      await inParallel(wanted, async (file) => {
        const moved = (done, total) => progress.moved(file.path, done, total);
        const bytes = await files.read(file.path, { ...file, moved, signal: controller.signal });
        throwIfAborted(controller.signal);
        if (bytes === null) {
          progress.forget(file.path);
          runtime.call(() => loader.missing(file.path));
        } else {
          runtime.call(() => loader.supply(file.path, bytes));
        }
      });
    }
  } catch (error) {
    controller.abort(error); // the files still on the way are of no use
    throw error;
  } finally {
    release();
  }
}

/** `work` on every item, a few at a time; the first failure is the outcome. */
async function inParallel(items, work) {
  const rest = [...items];
  const worker = async () => {
    while (rest.length > 0) await work(rest.shift());
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
