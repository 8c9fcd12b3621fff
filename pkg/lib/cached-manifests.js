// Manifests in the cache. They are the fallback when no server can be reached, and they list the files that the cache
// still needs. A folder without corom.json has a record instead (versioned-files.js), which is stored beside them.
//
// The key of a manifest is the whole URL, because another `?version=` may be another model. Signed URLs have a new
// query each time, so only the latest few manifests are kept per URL without its query.
import { isQuotaExceeded } from "./quota.js";
import { decodeText, encodeText } from "./text.js";

export const MANIFESTS = "manifests";
export const SHA256 = /^[0-9a-f]{64}$/;
/** Name of a manifest. A file that was being written when its program ended has a name that starts with a dot. */
const MANIFEST_NAME = /^[0-9a-f]{64}(-[0-9a-f]{64})?$/;
const SEGMENT_NAME = /^\.?\d/;

/** Manifests that are kept per URL without its query. */
const MAX_QUERIES_PER_PATH = 4;
/**
 * Age after which a file that no manifest lists (an orphan) is deleted. The file may belong to a load that is running
 * in another tab or program, or to an interrupted load that continues later. Not every host can detect the first case
 * by locks, and no host the second, so age decides.
 */
const ORPHAN_MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;
/** Age after which an orphan is deleted when storage is full. */
const ORPHAN_MAX_AGE_WHEN_FULL_MS = 60 * 60 * 1000;
/** Age after which an entry that was never completely written is deleted: writing one takes far less. */
const UNFINISHED_MAX_AGE_MS = 60_000;

/** Reads the cached manifest of a URL; undefined if there is none. */
export async function readManifest(store, url) {
  return store.read(MANIFESTS, await manifestName(url));
}

/** Stores the manifest of a loaded model, and deletes manifests and files that are no longer needed. */
export async function storeManifest(store, url, bytes, { isFull = false } = {}) {
  await storeAs(await manifestName(url), bytes, { store, isFull, replaces: await recordName(url) });
}

/** Reads the record of a URL; undefined if there is none. */
export async function readRecord(store, url) {
  return store.read(MANIFESTS, await recordName(url));
}

/**
 * Stores the record of a loaded model, as `storeManifest` does. `replacesManifest`: the folder has no corom.json any
 * more.
 */
export async function storeRecord(store, url, bytes, { isFull = false, replacesManifest }) {
  const replaces = replacesManifest ? await manifestName(url) : undefined;
  await storeAs(await recordName(url), bytes, { store, isFull, replaces });
}

/** Reads the record of a catalog at a URL (search/record.js); undefined if there is none. */
export async function readCatalogRecord(store, url) {
  return store.read(MANIFESTS, await catalogName(url));
}

/** Stores the record of a loaded catalog, as `storeManifest` does. */
export async function storeCatalogRecord(store, url, bytes, { isFull = false } = {}) {
  await storeAs(await catalogName(url), bytes, { store, isFull });
}

/** Reads what device/choices.js keeps; undefined if there is nothing. */
export async function readDeviceChoice(store, key) {
  return store.read(MANIFESTS, await choiceName(key));
}

/** Stores what device/choices.js keeps. Only the latest few are kept, as of manifests with one URL. */
export async function storeDeviceChoice(store, key, bytes) {
  await storeAs(await choiceName(key), bytes, { store });
}

/** Stores a manifest or a record as `name`. If it is a new one, the entry `replaces` is deleted. */
async function storeAs(name, bytes, { store, isFull, replaces }) {
  const before = await store.read(MANIFESTS, name);
  const isUnchanged = before !== undefined && equalBytes(before, bytes);
  const write = () => store.write(MANIFESTS, name, bytes);
  let hadNoSpace = false;
  // The manifest is written first: if anything fails later, the stored manifest still has all its files. Rewriting an
  // unchanged manifest makes it the latest one of its URL.
  if (!isUnchanged || name.includes("-")) {
    try {
      await write();
    } catch (error) {
      if (!isQuotaExceeded(error)) throw error;
      hadNoSpace = true;
      await store.remove(MANIFESTS, name); // so that its files are deleted below
    }
  }
  const former = isUnchanged ? [] : keysIn(before);
  const superseded = await supersededNames(store, name);
  if (!isUnchanged && replaces !== undefined) superseded.push(replaces);
  for (const other of superseded) {
    former.push(...keysIn(await store.read(MANIFESTS, other)));
    await store.remove(MANIFESTS, other);
  }
  const needed = new Set(keysIn(bytes));
  for (const other of await namesInManifests(store)) {
    if (other !== name) for (const key of keysIn(await store.read(MANIFESTS, other))) needed.add(key);
  }
  for (const key of former) if (!needed.has(key)) await store.remove(key);
  await dropUnfinished(store);
  await dropOrphans(store, needed, Date.now() - (isFull ? ORPHAN_MAX_AGE_WHEN_FULL_MS : ORPHAN_MAX_AGE_MS));
  if (hadNoSpace) await write(); // deleting files has freed space
}

/** Returns the names of the manifests of the same URL that a new manifest with this name replaces. */
async function supersededNames(store, name) {
  const [path] = name.split("-");
  const others = [];
  for await (const other of store.names(MANIFESTS)) {
    if (other !== name && other.startsWith(`${path}-`)) others.push([other, await store.modifiedAt(MANIFESTS, other)]);
  }
  return others
    .sort(([, a], [, b]) => b - a)
    .slice(MAX_QUERIES_PER_PATH - 1)
    .map(([other]) => other);
}

/** Returns whether the cache created the entry `name`. On disk, other programs may put files into the same folder. */
export const isCacheFile = (folder, name) =>
  folder === MANIFESTS ? MANIFEST_NAME.test(name.replace(/^\.|\..*$/g, "")) : SEGMENT_NAME.test(name);

/**
 * Returns whether an entry was being written when its program ended, or is being written: the stores' temporary names.
 * Chromium's file system has names that end with .crswap.
 */
export const isUnfinished = (name) => name.startsWith(".") || name.endsWith(".crswap");

/** Returns the names of the complete manifests and records. */
export async function namesInManifests(store) {
  const names = [];
  for await (const name of store.names(MANIFESTS)) if (MANIFEST_NAME.test(name)) names.push(name);
  return names;
}

/** Deletes entries that were being written when their program ended. */
async function dropUnfinished(store) {
  const unfinished = [];
  for await (const folder of store.folders()) {
    if (folder !== MANIFESTS && !SHA256.test(folder)) continue;
    for await (const name of store.names(folder)) {
      if (isUnfinished(name) && isCacheFile(folder, name)) unfinished.push([folder, name]);
    }
  }
  for (const [folder, name] of unfinished) {
    const age = Date.now() - (await store.modifiedAt(folder, name));
    if (age > UNFINISHED_MAX_AGE_MS || store.isAbandoned?.(name)) {
      await store.remove(folder, name).catch(() => {}); // another program may have removed or locked it
    }
  }
}

/** Deletes the files that no manifest lists and that were last written before `since` (milliseconds). */
async function dropOrphans(store, needed, since) {
  const orphans = [];
  for await (const folder of store.folders()) if (SHA256.test(folder) && !needed.has(folder)) orphans.push(folder);
  for (const folder of orphans) {
    let latest = -1;
    for await (const segment of store.names(folder)) {
      const modified = isCacheFile(folder, segment) ? await store.modifiedAt(folder, segment) : Infinity;
      latest = Math.max(latest, modified);
    }
    if (latest >= 0 && latest < since) await store.remove(folder);
  }
}

/**
 * Returns the name of a URL's manifest: the SHA-256 of the URL without its query, and the SHA-256 of the query if there
 * is one. Hashing keeps URLs with tokens out of the cache.
 */
export async function manifestName(url) {
  const [path, ...query] = url.split("?");
  return query.length === 0 ? sha256(path) : `${await sha256(path)}-${await sha256(query.join("?"))}`;
}

/** Returns the name of a URL's record. It counts among the queries of the URL. */
export async function recordName(url) {
  const [path, ...query] = url.split("?");
  return `${await sha256(path)}-${await sha256(`record ${query.join("?")}`)}`;
}

/** Returns the name of the record of a catalog. It counts among the queries of the URL. */
export async function catalogName(url) {
  const [path, ...query] = url.split("?");
  return `${await sha256(path)}-${await sha256(`catalog ${query.join("?")}`)}`;
}

/** Returns the name of a choice of a device: it lists no files. */
const choiceName = async (key) => `${await sha256("device choices")}-${await sha256(key)}`;

/** Returns the SHA-256 of a text in hex. */
export async function sha256(text) {
  const hash = await crypto.subtle.digest("SHA-256", encodeText(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns the folders of the files that a manifest or a record lists; none if it cannot be parsed. */
export function keysIn(manifest) {
  try {
    return JSON.parse(decodeText(manifest))
      .files.map((file) => file.sha256 ?? file.key)
      .filter((key) => SHA256.test(key));
  } catch {
    return [];
  }
}

const equalBytes = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
