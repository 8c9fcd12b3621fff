// Whole models and catalogs in the cache: whether one is complete, and how to remove it.
import { MANIFESTS, catalogName, keysIn, manifestName, namesInManifests, recordName } from "./cached-manifests.js";
import { decodeText } from "./text.js";

/** Name of the entry with the size and the digest of a complete file without a SHA-256. */
export const DIGEST_NAME = "0.digest";

/**
 * Returns whether all files of a model are stored. The second argument is that of `modelUrls`. The files are not read, so a damaged
 * one counts.
 */
export async function hasModel(store, { manifestUrl, model }) {
  for (const name of [await manifestName(manifestUrl), await recordName(manifestUrl)]) {
    const files = filesIn(await store.read(MANIFESTS, name));
    if (files.length === 0) continue;
    if (model !== undefined && model !== "model.onnx" && !files.some(({ path }) => path === model)) continue;
    const complete = [];
    for (const file of files) complete.push(await isStored(store, file));
    if (complete.every(Boolean)) return true;
  }
  return false;
}

/** Returns whether all files of a catalog are stored. */
export async function hasCatalog(store, { manifestUrl }) {
  const files = filesIn(await store.read(MANIFESTS, await catalogName(manifestUrl)));
  for (const file of files) if (!(await isStored(store, file))) return false;
  return files.length > 0;
}

/** Removes a model, and those of its files that nothing else needs. Returns whether there was anything to remove. */
export async function removeModel(store, { manifestUrl }) {
  return removeListed(store, [await manifestName(manifestUrl), await recordName(manifestUrl)]);
}

/** Removes a catalog as `removeModel` does a model. */
export async function removeCatalog(store, { manifestUrl }) {
  return removeListed(store, [await catalogName(manifestUrl)]);
}

async function removeListed(store, names) {
  const keys = [];
  let isFound = false;
  for (const name of names) {
    const bytes = await store.read(MANIFESTS, name);
    if (bytes === undefined) continue;
    isFound = true;
    keys.push(...keysIn(bytes));
    await store.remove(MANIFESTS, name);
  }
  const needed = new Set();
  for (const name of await namesInManifests(store)) {
    for (const key of keysIn(await store.read(MANIFESTS, name))) needed.add(key);
  }
  for (const key of keys) if (!needed.has(key)) await store.remove(key);
  return isFound;
}

/** Returns the files `{ path, key, size }` that a manifest or a record lists; none if there is no valid one. */
function filesIn(bytes) {
  try {
    return JSON.parse(decodeText(bytes)).files.map(({ path, sha256, key, size }) => ({ path, key: sha256 ?? key, size }));
  } catch {
    return [];
  }
}

async function isStored(store, { key, size }) {
  const expected = size ?? sizeIn(await store.read(key, DIGEST_NAME));
  let stored = 0;
  for (let part; (part = await store.sizeOf(key, String(stored))) > 0; ) stored += part;
  return stored === expected;
}

function sizeIn(digest) {
  try {
    return JSON.parse(decodeText(digest)).size;
  } catch {
    return undefined;
  }
}
