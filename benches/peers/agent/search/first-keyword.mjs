// The time from a catalog file in memory to its first keyword hit, without the hashes: the file has been received and
// checked before, so the catalog is opened and searched alone. Each round has a new instance of the binary.
import { read } from "../search.mjs";

/** `plan`: `{ data, query, rounds }`. Returns milliseconds per round: opening, and opening with the first search. */
export async function firstKeyword(place, { data, query, rounds }) {
  const [{ createBindings }, { Instance, instantiate }, { textClasses }] = await Promise.all(
    ["wasm/corom-search.js", "lib/instance.js", "lib/text.js"].map((file) => import(`${place.pkg}${file}`)),
  );
  const module = await WebAssembly.compile(await read(place.searchWasm));
  const file = await read(`${data}/keywords.catalog`);
  const request = JSON.stringify({ query, mode: "keyword" });
  const times = { openMs: [], ms: [] };
  for (let round = 0; round < rounds; round++) {
    const { bindings, memory } = await instantiate(createBindings(textClasses()), { module });
    const instance = new Instance(bindings, memory, "the catalog");
    const received = instance.call(({ CatalogFile }) => new CatalogFile(file.length));
    instance.call(() => (received.feed(file), received.checkComplete()));
    const start = performance.now();
    const catalog = instance.call(({ Catalog }) => Catalog.open(received));
    const opened = performance.now();
    const { hits } = JSON.parse(instance.call(() => catalog.search(request)));
    times.ms.push(performance.now() - start);
    times.openMs.push(opened - start);
    if (hits.length === 0) throw new Error(`${query} finds nothing`);
    instance.drop();
  }
  return times;
}
