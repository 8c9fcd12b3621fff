// voy: a k-d tree, without filters. Its package is for bundlers, so the binary is instantiated here.
export const hasFilters = false;

export async function open({ items, vectors, dimension, place, read }) {
  const voy = await import(place.voy);
  const { instance } = await WebAssembly.instantiate(await read(place.voyWasm), { "./voy_search_bg.js": voy });
  voy.__wbg_set_wasm(instance.exports);
  const embeddings = items.map((_, i) => ({
    id: String(i),
    title: "",
    url: "",
    embeddings: Array.from(vectors.subarray(i * dimension, (i + 1) * dimension)),
  }));
  return new voy.Voy({ embeddings });
}

export const search = (voy, query, { count }) => voy.search(query, count).neighbors.map(({ id }) => Number(id));
