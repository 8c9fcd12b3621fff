// The manifests that a cache keeps, for when no server can be reached. They also say which files are still of use.
//
// A manifest is found by its whole address: another `?version=` may be another model, and is none to fall back on. But
// signed addresses have a new query each time, so of one address without its query only the latest few are kept.
import { isQuotaExceeded } from "./quota.js";

export const MANIFESTS = "manifests";
export const SHA256 = /^[0-9a-f]{64}$/;
/** A manifest's name. What a program leaves that is killed while it writes one begins with a dot. */
const MANIFEST_NAME = /^[0-9a-f]{64}(-[0-9a-f]{64})?$/;
const SEGMENT_NAME = /^\.?\d/;

const MAX_QUERIES_PER_PATH = 4;
/**
 * Files that no manifest names may be those of a load that has not ended, in another tab or program, or that broke off
 * and will be gone on with. Locks tell neither in every host, and the second nowhere. So they go by age.
 */
const ORPHAN_MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;
/** The same where there is no room for others. */
const ORPHAN_MAX_AGE_WHEN_FULL_MS = 60 * 60 * 1000;
const LEFTOVER_MAX_AGE_MS = 60 * 60 * 1000;

/** The manifest that was kept for an address, or undefined. */
export async function readManifest(store, address) {
  return store.read(MANIFESTS, await manifestName(address));
}

/** Keeps the manifest of a model that loaded, and drops the files that are of no more use. */
export async function storeManifest(store, address, bytes, { isFull = false } = {}) {
  const name = await manifestName(address);
  const before = await store.read(MANIFESTS, name);
  const isUnchanged = before !== undefined && equalBytes(before, bytes);
  const write = () => store.write(MANIFESTS, name, bytes);
  let hadNoSpace = false;
  // First of all: whatever ends this early, the manifest that is kept has its files. Written anew it is also the latest
  // of its queries.
  if (!isUnchanged || name.includes("-")) {
    try {
      await write();
    } catch (error) {
      if (!isQuotaExceeded(error)) throw error;
      hadNoSpace = true;
      await store.remove(MANIFESTS, name); // its files go now
    }
  }
  const former = isUnchanged ? [] : sha256sIn(before);
  for (const other of await supersededNames(store, name)) {
    former.push(...sha256sIn(await store.read(MANIFESTS, other)));
    await store.remove(MANIFESTS, other);
  }
  const needed = new Set(sha256sIn(bytes));
  for await (const other of store.names(MANIFESTS)) {
    if (other !== name && MANIFEST_NAME.test(other)) for (const hash of sha256sIn(await store.read(MANIFESTS, other))) needed.add(hash);
  }
  for (const hash of former) if (!needed.has(hash)) await store.remove(hash);
  await dropLeftovers(store);
  await dropOrphans(store, needed, Date.now() - (isFull ? ORPHAN_MAX_AGE_WHEN_FULL_MS : ORPHAN_MAX_AGE_MS));
  if (hadNoSpace) await write(); // there is more of it now
}

/** The names of manifests that one more of the same address, with this name, takes the place of. */
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

/** Whether a name in one of the cache's folders is the cache's: on disk, another program may have such a folder. */
export const isCacheFile = (folder, name) => (folder === MANIFESTS ? MANIFEST_NAME.test(name.replace(/^\.|\..*$/g, "")) : SEGMENT_NAME.test(name));

/** Drops manifests that were being written when their program ended. */
async function dropLeftovers(store) {
  const names = [];
  for await (const name of store.names(MANIFESTS)) if (!MANIFEST_NAME.test(name) && isCacheFile(MANIFESTS, name)) names.push(name);
  for (const name of names)
    if ((await store.modifiedAt(MANIFESTS, name)) < Date.now() - LEFTOVER_MAX_AGE_MS) await store.remove(MANIFESTS, name);
}

/** Drops the files that nobody needs and to which nothing was added since a time. */
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

/** A name that gives no address away: of what is before the query, and of the query where there is one. */
async function manifestName(address) {
  const [path, ...query] = address.split("?");
  return query.length === 0 ? sha256(path) : `${await sha256(path)}-${await sha256(query.join("?"))}`;
}

async function sha256(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sha256sIn(manifest) {
  try {
    return JSON.parse(new TextDecoder().decode(manifest))
      .files.map((file) => file.sha256)
      .filter((hash) => SHA256.test(hash));
  } catch {
    return [];
  }
}

const equalBytes = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
