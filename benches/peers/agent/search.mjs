// Measures one system of the search benchmark in this page or process: it is built or loaded, then searches with every
// vector or text, without a filter and with filters that keep shares of the items.
import { wasmMemory } from "./memory.mjs";

const WARM = 5;

/** Reads a file of the data: an address in a page, a path in Node. */
async function read(file) {
  if (!/^\//.test(file) || typeof document !== "undefined") return new Uint8Array(await (await fetch(file)).arrayBuffer());
  const { readFile } = await import("node:fs/promises");
  return new Uint8Array(await readFile(file));
}

const floats = async (file) => new Float32Array((await read(file)).slice().buffer);
const parsed = async (file) => JSON.parse(new TextDecoder().decode(await read(file)));
const heap = () => performance.memory?.usedJSHeapSize ?? globalThis.process?.memoryUsage().heapUsed ?? 0;

/** Returns `count` texts and buckets of items.jsonl. */
async function itemsOf(file) {
  const text = new TextDecoder().decode(await read(file));
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Returns the ids of the best products of `query` with rows of unit length, among items of buckets below `end`. */
function nearest(vectors, query, end, count) {
  const dimension = query.length;
  const best = [];
  for (let item = 0, at = 0; at < vectors.length; item++, at += dimension) {
    if ((item * 37) % 100 >= end) continue;
    let product = 0;
    for (let i = 0; i < dimension; i++) product += vectors[at + i] * query[i];
    if (best.length === count && product <= best[count - 1].product) continue;
    if (best.length === count) best.pop();
    let place = best.length;
    while (place > 0 && best[place - 1].product < product) place--;
    best.splice(place, 0, { item, product });
  }
  return best;
}

/** The loop over a Float32Array that every page can do without a library. */
const plain = {
  open: async ({ vectors }) => ({ vectors }),
  search: ({ vectors }, query, { end, count }) => nearest(vectors, query, end, count).map(({ item }) => item),
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
  const input = { data, vectors, dimension, read, place, mode, items: name === "corom" || name === "plain" ? undefined : await itemsOf(`${data}/items.jsonl`) };
  const before = { wasm: wasmMemory(), heap: heap() };
  const began = performance.now();
  const opened = await system.open(input);
  const openMs = performance.now() - began;
  const firstMs = await timeOf(() => system.search(opened, queries[0], { end: 100, count }));
  const memory = { wasm: wasmMemory() - before.wasm, heap: heap() - before.heap };
  const found = {};
  for (const end of ends) {
    if (end < 100 && system.hasFilters === false) continue;
    for (let i = 0; i < WARM; i++) await system.search(opened, queries[i], { end, count });
    const ms = [];
    let same = 0;
    for (let round = 0; round < rounds; round++) {
      for (const query of queries) {
        const start = performance.now();
        const ids = await system.search(opened, query, { end, count });
        ms.push(performance.now() - start);
        if (round > 0 || !isVector) continue;
        same += overlap(vectors, query, end, count, ids);
      }
    }
    found[end] = { ms, recall: isVector ? same / queries.length : undefined };
  }
  const extra = (await system.more?.(opened, queries, { count, rounds })) ?? {};
  const size = await system.bytes?.(opened, input);
  system.close?.(opened);
  return { openMs, firstMs, memory, size, found, extra, items: isVector ? vectors.length / dimension : undefined };
}

/** Items of one title have one vector, and int8 cannot tell items apart whose scores differ by less. */
const TIE = 5e-4;

/** Returns the share of the best scores that a system's ids reach. Ids with the score of the last one count. */
function overlap(vectors, query, end, count, ids) {
  const due = nearest(vectors, query, end, count);
  if (due.length === 0) return 1;
  const least = due[due.length - 1].product - TIE;
  const dimension = query.length;
  const product = (item) => {
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += vectors[item * dimension + i] * query[i];
    return sum;
  };
  const good = new Set(ids).size === ids.length ? ids.filter((item) => (item * 37) % 100 < end && product(item) >= least).length : 0;
  return Math.min(1, good / due.length);
}

async function timeOf(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
