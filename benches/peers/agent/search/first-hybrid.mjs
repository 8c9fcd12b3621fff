// A page that opens a shop: the scripts, the binaries, the catalog's part that a search needs, and the model. The server
// counts the bytes.

/** `plan`: `{ catalog, model, query }`. Returns milliseconds until the first hit by keywords and meaning. */
export async function firstHybrid(place, { catalog, model, query }) {
  const start = performance.now();
  const [{ Catalog }, { Corom }] = await Promise.all([import(place.search), import(place.corom)]);
  const address = (path) => new URL(path, globalThis.location.href).href;
  const [shop, corom] = await Promise.all([Catalog.load(address(catalog), { vectors: "codes" }), Corom.load(address(model))]);
  shop.attach(corom);
  await shop.ready;
  const { hits } = await shop.search(query, { mode: "hybrid" });
  const ms = performance.now() - start;
  if (hits.length === 0) throw new Error(`${query} finds nothing`);
  shop.free();
  corom.free();
  return { ms };
}
