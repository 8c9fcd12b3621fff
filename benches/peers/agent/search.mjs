// Measures one system of the search benchmark in this page or process: it is built or loaded, then searches with every
// vector or text, without a filter and with filters that keep shares of the items.
import { wasmMemory } from "./memory.mjs";
import { FLOAT_TIE, nearest, products, recallOf } from "./search/best.mjs";
import { ALL } from "./search/shares.mjs";

export { firstHybrid } from "./search/first-hybrid.mjs";
export { firstKeyword } from "./search/first-keyword.mjs";
export { largeCatalog } from "./search/large.mjs";

const WARM = 5;

/** Reads a file of the data: an address in a page, a path in Node. */
export async function read(file) {
  if (!/^\//.test(file) || typeof document !== "undefined") return new Uint8Array(await (await fetch(file)).arrayBuffer());
  const { readFile } = await import("node:fs/promises");
  return new Uint8Array(await readFile(file));
}

export const floats = async (file) => new Float32Array((await read(file)).slice().buffer);
export const parsed = async (file) => JSON.parse(new TextDecoder().decode(await read(file)));
export const heap = () => performance.memory?.usedJSHeapSize ?? globalThis.process?.memoryUsage().heapUsed ?? 0;

/** Returns `count` texts and buckets of items.jsonl. */
async function itemsOf(file) {
  const text = new TextDecoder().decode(await read(file));
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** The loop over a Float32Array that every page can do without a library. */
const plain = {
  open: async ({ vectors, dimension }) => ({ vectors, items: vectors.length / dimension }),
  search: ({ vectors, items }, query, { end, count }) => nearest(products(vectors, query), { items, end, count }).map(({ item }) => item),
};

const systemOf = (name) => (name === "plain" ? plain : import(`./search/${name}.mjs`));

/** Measures a system. `plan`: `{ data, count, ends, rounds, mode, catalog }`. Returns times, ids, recall and memory. */
export async function searchSystem(place, name, plan) {
  const { data, count, ends, rounds, mode } = plan;
  const isVector = mode === "vector";
  const queryTexts = await parsed(`${data}/queries.json`);
  const vectors = isVector ? await floats(`${data}/vectors.f32`) : undefined;
  const all = isVector ? await floats(`${data}/queries.f32`) : undefined;
  const dimension = isVector ? all.length / queryTexts.length : 0;
  const queries = isVector ? queryTexts.map((_, i) => all.slice(i * dimension, (i + 1) * dimension)) : queryTexts;
  const system = await systemOf(name);
  const items = ["corom", "plain"].includes(name) ? undefined : await itemsOf(`${data}/items.jsonl`);
  const input = { data, vectors, dimension, read, place, mode, items };
  Object.assign(input, await system.prepare?.(input));
  const before = { wasm: wasmMemory(), heap: heap() };
  const began = performance.now();
  const opened = await system.open(input);
  const openMs = performance.now() - began;
  const firstMs = await timeOf(() => system.search(opened, queries[0], { end: ALL, count }));
  const memory = { wasm: wasmMemory() - before.wasm, heap: heap() - before.heap };
  const found = {};
  for (const end of ends) {
    if (end < ALL && system.hasFilters === false) continue;
    for (let i = 0; i < WARM; i++) await system.search(opened, queries[i], { end, count });
    const ms = [];
    let same = 0;
    for (let round = 0; round < rounds; round++) {
      for (const query of queries) {
        const start = performance.now();
        const ids = await system.search(opened, query, { end, count });
        ms.push(performance.now() - start);
        if (round > 0 || !isVector) continue;
        same += recallOf(products(vectors, query), ids, { items: vectors.length / dimension, end, count, tie: FLOAT_TIE });
      }
    }
    found[end] = { ms, recall: isVector ? same / queries.length : undefined };
  }
  const extra = (await system.more?.(opened, queries, { count, rounds })) ?? {};
  const size = await system.bytes?.(opened, input);
  system.close?.(opened);
  return { openMs, firstMs, memory, size, found, extra, items: isVector ? vectors.length / dimension : undefined };
}

async function timeOf(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
