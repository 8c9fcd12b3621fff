// A catalog whose rows do not fit beside its codes: the file is a Blob, of which a browser keeps a large one on its disk,
// and each search reads the rows that it scores.
import { floats, heap } from "../search.mjs";
import { wasmMemory } from "../memory.mjs";
import { idsOf } from "./corom.mjs";

const WARM = 3;

async function blobOf(file) {
  if (typeof document !== "undefined") return (await fetch(file)).blob();
  return (await import("node:fs")).openAsBlob(file);
}

/**
 * `plan`: `{ data, count, dimension, queries }`, the last one a number. Returns the milliseconds of searches that read
 * rows, those of searches with the codes alone, the ids that both find, and the memory.
 */
export async function largeCatalog(place, { data, count, dimension, queries }) {
  const { Catalog } = await import(place.search);
  const all = await floats(`${data}/queries.f32`);
  const vectors = Array.from({ length: queries + WARM }, (_, i) => all.slice(i * dimension, (i + 1) * dimension));
  const blob = await blobOf(`${data}/vectors.catalog`);
  const before = { wasm: wasmMemory(), heap: heap() };
  const start = performance.now();
  const shop = await Catalog.load(blob, { vectors: "codes" });
  await shop.ready;
  const openMs = performance.now() - start;
  const memory = () => ({ wasm: wasmMemory() - before.wasm, heap: heap() - before.heap });
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
  const result = { openMs, loaded, searched: memory(), found, items, bytes: blob.size, oversampling: space.oversampling };
  shop.free();
  return result;
}
