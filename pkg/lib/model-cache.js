// `Corom.cache` and `Catalog.cache`: what is kept on this device.
import { answered, answeringStore } from "./answering-store.js";
import { unexpected } from "./arguments.js";
import { isUrl } from "./bytes.js";
import { checkCacheOptions } from "./cache.js";
import { MANIFESTS, SHA256, isCacheFile, isUnfinished } from "./cached-manifests.js";
import { hasModel, removeModel } from "./cached-models.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { checkCacheDir } from "./load-options.js";
import { isMirrors, modelUrls } from "./model-url.js";
import { readOptions } from "./option-names.js";
import { cacheApiStore } from "./store-cache-api.js";
import { opfsStore } from "./store-opfs.js";

/** Functions that find and remove a model. `Catalog.cache` has those of catalogs. */
const MODELS = { has: hasModel, remove: removeModel };

/** Creates `Corom.cache` for a host. See types/load.d.ts. */
export function modelCache(host, kind = MODELS) {
  return Object.freeze({
    async size(options) {
      let [bytes, files] = [0, 0];
      await eachFolder(await storesOf(host, options, "cache.size"), async (store, folder) => {
        if (folder !== MANIFESTS) files++;
        for await (const name of store.names(folder)) if (!isUnfinished(name)) bytes += await store.sizeOf(folder, name);
      });
      return { bytes, files };
    },

    async clear(options) {
      await eachFolder(await storesOf(host, options, "cache.clear"), async (store, folder) => {
        const names = [];
        for await (const name of store.names(folder)) names.push(name);
        const cacheFiles = names.filter((name) => isCacheFile(folder, name));
        if (cacheFiles.length === names.length) await store.remove(folder);
        else for (const name of cacheFiles) await store.remove(folder, name);
      });
    },

    async has(source, options) {
      const files = remoteSource(host, source);
      const stores = await storesOf(host, options, "cache.has");
      const found = await inStores(stores, (store) => files && kind.has(store, files));
      return found.some(Boolean);
    },

    async delete(source, options) {
      const files = remoteSource(host, source);
      const stores = await storesOf(host, options, "cache.delete");
      const removed = await inStores(stores, (store) => files && kind.remove(store, files));
      return removed.some(Boolean);
    },
  });
}

/** Opens the stores that the options select. */
async function storesOf(host, given, call) {
  const cacheDir = checkCacheDir(readOptions(given, ["cacheDir"], { call }).cacheDir);
  checkCacheOptions(host, { cacheDir });
  if (host.folderStore && cacheDir === undefined) throw invalid("cacheDir is missing; expected the folder of the cache");
  return usable(async () => {
    const open = cacheDir === undefined ? [opfsStore(), cacheApiStore()] : [host.folderStore(cacheDir)];
    const stores = await answered(Promise.all(open));
    return stores.filter(Boolean).map((store) => answeringStore(store));
  });
}

/** Calls `work(store)` for each store, and returns the results. */
const inStores = (stores, work) =>
  usable(async () => {
    const results = [];
    for (const store of stores) results.push(await work(store));
    return results;
  });

/** Calls `work(store, folder)` for each folder of the cache. */
const eachFolder = (stores, work) =>
  inStores(stores, async (store) => {
    const folders = [];
    for await (const folder of store.folders()) if (folder === MANIFESTS || SHA256.test(folder)) folders.push(folder);
    for (const folder of folders) await work(store, folder);
  });

async function usable(work) {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CoromError) throw cause;
    throw new CoromError("UNSUPPORTED_HOST", `the cache cannot be used on this host: ${messageOf(cause)}`, { cause });
  }
}

/** Returns what the URLs of a source mean (`modelUrls`); undefined for files in memory and on disk, which are not kept. */
function remoteSource(host, source) {
  const list = isMirrors(source) ? source : [source];
  if (!list.every((item) => typeof item === "string" || isUrl(item))) {
    if (typeof source === "object" && source !== null) return undefined;
    throw unexpected("source", source, "a source of load");
  }
  const texts = list.map(String);
  if (host.folderStore && texts.includes("")) throw invalid("source: got an empty string; expected a source of Corom.load");
  // On a host with folders, a text without http: or https: is a path.
  if (host.folderStore && !texts.every((text) => /^https?:/i.test(text))) return undefined;
  return modelUrls(texts.map((text) => host.resolveUrl(text, "source")));
}
