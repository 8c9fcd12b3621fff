// Store (see cache.js) in the Cache API: a segment is a Response.
import { partsOfBlob } from "./blob-parts.js";

const CACHE_NAME = "corom";
/** Base of the keys. The host name does not exist, and nothing is ever fetched from it. */
const BASE_URL = "https://corom.invalid/";
/** Header with the time of the last write, which the Cache API does not store. */
const MODIFIED_HEADER = "corom-written";

/** Opens the store; undefined if there is no Cache API. */
export async function cacheApiStore() {
  try {
    return globalThis.caches && new CacheApiStore(await caches.open(CACHE_NAME));
  } catch {
    return undefined;
  }
}

class CacheApiStore {
  #cache;

  constructor(cache) {
    this.#cache = cache;
  }

  async read(folder, name) {
    const response = await this.#cache.match(urlOf(folder, name));
    return response && new Uint8Array(await response.arrayBuffer());
  }

  async readParts(folder, name, ranges) {
    const response = await this.#cache.match(urlOf(folder, name));
    return response && partsOfBlob(await response.blob(), ranges);
  }

  async write(folder, name, bytes) {
    const headers = {
      "content-type": "application/octet-stream",
      "content-length": String(bytes.length),
      [MODIFIED_HEADER]: String(Date.now()),
    };
    await this.#cache.put(urlOf(folder, name), new Response(bytes, { headers }));
  }

  async remove(folder, name) {
    if (name !== undefined) return void (await this.#cache.delete(urlOf(folder, name)));
    for (const [request] of await this.#within(folder)) await this.#cache.delete(request);
  }

  async *folders() {
    yield* new Set((await this.#all()).map(([, folder]) => folder));
  }

  async *names(folder) {
    for (const [, , name] of await this.#within(folder)) yield name;
  }

  async sizeOf(folder, name) {
    const response = await this.#cache.match(urlOf(folder, name));
    return Number(response?.headers.get("content-length") ?? 0);
  }

  async modifiedAt(folder, name) {
    const response = await this.#cache.match(urlOf(folder, name));
    return Number(response?.headers.get(MODIFIED_HEADER) ?? 0);
  }

  async #within(folder) {
    return (await this.#all()).filter(([, other]) => other === folder);
  }

  async #all() {
    return (await this.#cache.keys()).map((request) => [request, ...new URL(request.url).pathname.split("/").slice(1)]);
  }
}

const urlOf = (folder, name) => `${BASE_URL}${folder}/${name}`;
