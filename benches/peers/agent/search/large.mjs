// A catalog whose rows do not fit beside its codes, in a worker: a page keeps the file in OPFS, Node has it on disk, and each
// search reads the rows that it scores.
import { floats, heap } from "../search.mjs";
import { idsOf } from "./corom.mjs";

const WARM = 3;

/**
 * `plan`: `{ data, count, dimension, queries }`, the last one a number. Returns the milliseconds of searches that read
 * rows, those of searches with the codes alone, the ids that both find, and the memory: WebAssembly's in the worker, and
 * JavaScript's of the page.
 */
export async function largeCatalog(place, { data, count, dimension, queries }) {
  const { Catalog } = await import(place.searchWorker);
  const all = await floats(`${data}/queries.f32`);
  const vectors = Array.from({ length: queries + WARM }, (_, i) => all.slice(i * dimension, (i + 1) * dimension));
  const isPage = typeof document !== "undefined";
  const before = heap();
  const start = performance.now();
  const shop = await Catalog.load(`${data}/catalog/`, { vectors: "codes", cache: isPage ? "opfs" : undefined });
  await shop.ready;
  const openMs = performance.now() - start;
  if (isPage) await shop.storeRows();
  const storeMs = performance.now() - start - openMs;
  const memory = () => ({ wasm: shop.memoryBytes, heap: heap() - before });
  const [loaded, found] = [memory(), {}];
  for (const [way, readRows] of [["codes", false], ["rows", true]]) {
    const [ms, ids] = [[], []];
    let estimated = 0;
    for (const [i, vector] of vectors.entries()) {
      const began = performance.now();
      const result = await shop.search(vector, { topK: count, highlight: false, readRows });
      if (i < WARM) continue;
      ms.push(performance.now() - began);
      ids.push(idsOf(result));
      if (result.estimated) estimated++;
    }
    found[way] = { ms, ids, estimated, first: WARM };
  }
  const { items, vectors: space } = shop.info;
  const result = { openMs, storeMs: isPage ? storeMs : undefined, loaded, searched: memory(), found, items, oversampling: space.oversampling };
  shop.free();
  return result;
}
