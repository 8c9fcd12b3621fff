// Loads a catalog into a new instance of corom-search.wasm:
//
//   compile the binary; meanwhile open the source and request catalog.json
//   receive the files that it lists, in parallel
//     a file is gone: the catalog was compacted meanwhile; read catalog.json again, once
//     no server can be reached: use the files of the last load in the cache
//   open the catalog, apply its deltas, note in the cache what was loaded
import { childController, throwIfAborted, untilAborted } from "../abort.js";
import { concurrently } from "../concurrently.js";
import { Instance, instantiate } from "../instance.js";
import { searchModule } from "../module.js";
import { textClasses } from "../text.js";
import { withAddress } from "../with-address.js";
import { createBindings } from "../../wasm/corom-search.js";
import { CatalogFolder } from "./folder.js";
import { CatalogReceiver } from "./receiver.js";

/** Deltas that are transferred in parallel. */
const MAX_PARALLEL_FILES = 4;

/**
 * Loads a catalog. Returns `{ instance, catalog, names, sizes, rest, rows }`: `catalog` is that of the binding, `sizes` has
 * the size of each file by its name. With `vectors: "later"` and `"codes"`, `rest` is a promise of the catalog with its
 * vectors, unless `waits` is true. With `"codes"`, `rows` reads the rows (rows.js).
 */
export async function loadCatalog(host, source, options, progress) {
  const { signal } = options;
  throwIfAborted(signal);
  const opening = untilAborted(CatalogFolder.open(host, source, options, progress), signal);
  opening.catch(() => {}); // reported below, unless the binary fails first
  let instance;
  let folder;
  try {
    const compiled = await searchModule(host, options);
    const { bindings, memory } = await instantiate(createBindings(textClasses()), compiled, signal);
    instance = new Instance(bindings, memory, "the catalog");
    folder = await opening;
    return await loadFrom(folder, instance, options, progress);
  } catch (error) {
    instance?.drop();
    opening.then((folder) => folder.close()).catch(() => {});
    throw withAddress(error, { address: folder?.address });
  }
}

async function loadFrom(folder, instance, { vectors, waits, signal }, progress) {
  const receiver = new CatalogReceiver(instance, { part: { none: "keywords", codes: "codes" }[vectors] });
  let names = await folder.names(receiver, signal);
  for (let isSecond = false; ; ) {
    try {
      const loaded = await receiveAll(folder, receiver, instance, { names, vectors, waits, signal, progress });
      const sizeOf = (name) => loaded.sizes.get(name);
      return { ...loaded, rows: vectors === "codes" ? await folder.rows(names, sizeOf) : undefined };
    } catch (error) {
      throwIfAborted(signal);
      const next = await otherNames(folder, receiver, { error, names, isSecond, signal });
      if (next === undefined) throw error;
      isSecond ||= error.code === "MISSING_FILE";
      for (const name of names) if (!next.includes(name)) receiver.drop(name);
      names = next;
    }
  }
}

/** Returns the names to go on with after an error; undefined if there are none. */
export async function otherNames(folder, receiver, { error, names, isSecond, signal }) {
  if (error?.code !== "MISSING_FILE") return folder.namesOffline(error);
  if (isSecond) return undefined;
  const next = await folder.names(receiver, signal);
  return next.join("/") === names.join("/") ? undefined : next;
}

async function receiveAll(folder, receiver, instance, { names, vectors, waits, signal, progress }) {
  const [first, ...deltas] = names;
  receiver.watch(first);
  const { controller, release } = childController(signal);
  const take = async (name) => {
    try {
      if (!receiver.has(name)) await folder.receive(name, receiver, controller.signal);
    } catch (error) {
      controller.abort(error); // the first failure ends the other transfers
      throw error;
    }
  };
  const whole = take(first);
  const rest = inParallel(deltas, take);
  const all = Promise.all([whole, rest]);
  /** Opens the catalog and applies its deltas. Calls `use` before the files are dropped, and frees the catalog if that fails. */
  const open = async (work, use = () => {}) => {
    const catalog = instance.call(work);
    try {
      for (const name of deltas) instance.call(() => catalog.apply(receiver.file(name)));
      await use();
      return catalog;
    } catch (error) {
      try {
        instance.call(() => catalog.free());
      } catch {
        // The instance has crashed: the first error says why.
      }
      throw error;
    }
  };
  const sizes = new Map();
  let partBytes;
  const finish = async () => {
    partBytes = receiver.partBytes(first);
    for (const name of names) sizes.set(name, receiver.sizeOf(name));
    const openFile = ({ Catalog }) => {
      if (vectors === "none") return Catalog.openKeywords(receiver.file(first));
      return vectors === "codes" ? Catalog.openCodes(receiver.take(first)) : Catalog.open(receiver.take(first));
    };
    return open(openFile, async () => {
      await folder.keep(names, (name) => sizes.get(name));
      for (const name of names) receiver.drop(name);
      progress.report("done");
    });
  };
  try {
    if ((vectors === "later" || vectors === "codes") && !waits) {
      const isAll = await Promise.race([all.then(() => true), Promise.all([receiver.keywords, rest]).then(() => false)]);
      if (!isAll) {
        const catalog = await open(({ Catalog }) => Catalog.openKeywords(receiver.file(first)));
        const arriving = all.then(finish).finally(async () => {
          release();
          await whole.catch(() => {}); // so that nothing is received any more
          receiver.dropAll();
        });
        arriving.catch(() => {}); // the caller may fail before it waits
        return { instance, catalog, names, sizes, partBytes: receiver.partBytes(first), rest: arriving };
      }
    }
    await all;
    const catalog = await finish();
    release();
    return { instance, catalog, names, sizes, partBytes };
  } catch (error) {
    controller.abort(error);
    await Promise.allSettled([whole, rest]); // so that received bytes are in the cache
    release();
    throw error;
  }
}

/** Runs `work` on every item, a few at a time. */
export const inParallel = (items, work) => concurrently(items, MAX_PARALLEL_FILES, work);
