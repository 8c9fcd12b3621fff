// The class `Catalog` of `corom/search`.
import { throwIfAborted, untilAborted } from "../abort.js";
import { optional, readArgument, text, unexpected, wholeNumber } from "../arguments.js";
import { isBytes, uint8ArrayOf } from "../bytes.js";
import { CoromError, invalid } from "../errors.js";
import { Instance, instantiate } from "../instance.js";
import { searchModule } from "../module.js";
import { readOptions } from "../option-names.js";
import { textClasses } from "../text.js";
import { isVector, toFloat32 } from "../vectors.js";
import { createBindings } from "../../wasm/corom-search.js";
import { catalogFiles } from "./files.js";
import { catalogLoadOptions, searchOptions } from "./options.js";

const LOADED = Symbol("loaded");
const DEFAULT_SUGGESTIONS = 10;

/** Returns the class `Catalog` of a host: the exports of host-web.js or host-node.js, and `searchBinary`. */
export function createCatalogClass(functions, searchBinary) {
  const host = { ...functions, searchBinary };
  class Catalog extends BaseCatalog {
    static async load(source, given) {
      return new Catalog(LOADED, await load(host, source, given));
    }
  }
  return Catalog;
}

async function load(host, source, given) {
  const options = readArgument("options", () => catalogLoadOptions(given));
  const { signal } = options;
  throwIfAborted(signal);
  const files = untilAborted(catalogFiles(host, source, options), signal);
  files.catch(() => {}); // reported below, unless the binary fails first
  const compiled = await searchModule(host, options);
  const { bindings, memory } = await instantiate(createBindings(textClasses()), compiled, signal);
  const instance = new Instance(bindings, memory, "the catalog");
  try {
    const [first, ...deltas] = await files;
    const catalog = instance.call(({ Catalog }) => Catalog.open(first, true));
    for (const delta of deltas) instance.call(() => catalog.apply(delta, true));
    return { instance, catalog };
  } catch (error) {
    instance.drop();
    throw error;
  }
}

class BaseCatalog {
  #instance;
  #catalog;
  #info;
  #embedder;

  constructor(token, { instance, catalog } = {}) {
    if (token !== LOADED) throw invalid("new Catalog: use Catalog.load(source)");
    this.#instance = instance;
    this.#catalog = catalog;
  }

  /** Properties of the catalog. */
  get info() {
    this.#alive();
    this.#info ??= Object.freeze(this.#read((catalog) => catalog.info()));
    return this.#info;
  }

  /** The memory of the catalog's WebAssembly instance in bytes. */
  get memoryBytes() {
    return this.#instance?.memoryBytes ?? 0;
  }

  /** Lets searches embed their text with a loaded model. */
  attach(corom) {
    const { vectors } = this.info;
    if (corom === undefined || corom === null) {
      this.#embedder = undefined;
      return this;
    }
    const dimension = corom?.info?.dimension;
    if (typeof corom?.embed !== "function" || dimension === undefined) throw unexpected("corom", corom, "a loaded model, or null");
    if (vectors === null) throw invalid("attach: the catalog was built without vectors; build it with a model");
    if (vectors.dimension !== dimension) {
      const found = `the model's vectors have ${dimension} dimensions, those of the catalog ${vectors.dimension}`;
      throw invalid(`attach: ${found}; attach the model that the catalog was built with`);
    }
    this.#embedder = corom;
    return this;
  }

  /** Searches with a text or a vector. */
  async search(query, given) {
    const options = searchOptions(given, "search");
    const { request, signal, abortPrevious } = options;
    this.#alive();
    throwIfAborted(signal);
    let { vector } = options;
    if (isVector(query)) {
      if (vector !== undefined) throw invalid("vector: the query is a vector already");
      vector = query;
      request.query = "";
    } else {
      request.query = text(query, "query");
    }
    const started = performance.now();
    const isText = request.query.trim() !== "" && request.mode !== "keyword";
    if (vector === undefined && isText && this.#embedder !== undefined) {
      vector = await this.#embedder.embed(request.query, { signal, abortPrevious });
    }
    const embedded = performance.now();
    const numbers = optional(vector, (numbers) => toFloat32(numbers, "vector"));
    const result = this.#read((catalog) => catalog.search(JSON.stringify(request), numbers));
    result.timing = { embed: embedded - started, search: performance.now() - embedded };
    return result;
  }

  /** Returns the items whose vectors are nearest to that of an item. */
  async similar(id, given) {
    const { request, vector, signal } = searchOptions(given, "similar");
    if (vector !== undefined) throw invalid("vector: the vector is that of the item");
    throwIfAborted(signal);
    const started = performance.now();
    const result = this.#read((catalog) => catalog.similar(text(id, "id"), JSON.stringify(request)));
    result.timing = { embed: 0, search: performance.now() - started };
    return result;
  }

  /** Returns words and phrases of the catalog that begin with a text. */
  async suggest(prefix, given) {
    const { limit = DEFAULT_SUGGESTIONS } = readOptions(given, ["limit"], { call: "suggest" });
    const count = wholeNumber(limit, "limit", 0);
    return this.#read((catalog) => catalog.suggest(text(prefix, "prefix"), count));
  }

  /** Returns an item, or undefined. */
  async item(id) {
    return this.#read((catalog) => catalog.item(text(id, "id"))) ?? undefined;
  }

  /** Applies a delta of `corom index`: new items, removals, patches. */
  async apply(delta) {
    if (!isBytes(delta)) throw unexpected("delta", delta, "the bytes of a delta file");
    const bytes = uint8ArrayOf(delta, "delta");
    this.#call((catalog) => catalog.apply(bytes, true));
    this.#info = undefined;
    return this.info;
  }

  /** Releases the memory. The attached model stays. */
  free() {
    this.#instance?.drop();
    this.#instance = this.#catalog = this.#embedder = undefined;
  }

  #alive() {
    if (this.#instance === undefined) throw new CoromError("FREED", "this catalog was freed; load it again");
  }

  #call(work) {
    this.#alive();
    return this.#instance.call(() => work(this.#catalog));
  }

  #read(work) {
    return JSON.parse(this.#call(work));
  }
}
