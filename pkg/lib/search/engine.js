// The catalog of an instance of `Catalog` on this thread.
//
// An engine of catalogs has these members; worker-engine.js has them too:
//
//   info, memoryBytes                        what is loaded
//   ready                                    promise: all that the options asked for is there
//   search(request, vector, { signal, readRows }), similar(id, request, { signal, readRows }), suggest(prefix, limit),
//   item(id)                                 `request` is JSON; the results are those of the binding
//   cluster(k, seed), project2d()            of the items' vectors, with their ids
//   loadRows({ signal, onProgress })         transfers the rows into memory
//   storeRows({ signal, onProgress })        transfers them into the cache
//   apply(bytes, { signal })                 applies a delta
//   update({ signal, onProgress })           loads what is new in the source
//   free()
import { childController, onAbort, reasonOf, throwIfAborted, untilAborted } from "../abort.js";
import { invalid } from "../errors.js";
import { freedError } from "../model-instance.js";
import { ProgressReporter } from "../progress.js";
import { receivedDelta } from "./delta.js";
import { CatalogFolder, isSingleFile } from "./folder.js";
import { receiveDeltas } from "./follow.js";
import { catalogInfo } from "./info.js";
import { loadCatalog } from "./load.js";
import { clusters, projection } from "./analysis-results.js";
import { MissingRows } from "./missing-rows.js";
import { CatalogReceiver } from "./receiver.js";

export class CatalogEngine {
  #host;
  #source;
  #options;
  #instance;
  #catalog;
  #names;
  #sizes;
  /** Deltas that were applied while the vectors are on their way: CatalogFiles. */
  #deltas = [];
  /** Resolves or rejects when the vectors are here; undefined if nothing is on its way. */
  #rest;
  /** Reads rows that are not in memory (rows.js); undefined if all are. */
  #rows;
  /** Bytes of the catalog's file that are in memory, if rows are not. */
  #partBytes;
  #missing = new MissingRows((warning) => this.#options.onProgress?.({ phase: "warning", ...warning }));
  #snapshot;
  #changes = Promise.resolve();
  #ending = new AbortController();
  parallel = Infinity;
  info = catalogInfo(() => this.#snapshot);
  ready = Promise.resolve();
  /** Called after every change with the properties of the catalog. */
  onChange = () => {};

  /** Loads a catalog. `options` are those of `catalogLoadOptions`. */
  static async load(host, source, options) {
    const engine = new CatalogEngine();
    engine.#host = host;
    engine.#source = source;
    engine.#options = options;
    await engine.#load(options);
    return engine;
  }

  /** True while vectors are on their way. */
  get isPartial() {
    return this.#rest !== undefined;
  }

  get memoryBytes() {
    return this.#instance?.memoryBytes ?? 0;
  }

  async search(request, vector, how) {
    return this.#scored((catalog) => catalog.search(request, vector), how);
  }

  async similar(id, request, how) {
    return this.#scored((catalog) => catalog.similar(id, request), how);
  }

  async cluster(k, seed) {
    const found = this.#call(() => clusters(this.#catalog.cluster(k, seed)));
    return { ids: this.#read((catalog) => catalog.ids()), ...found };
  }

  async project2d() {
    const found = this.#call(() => projection(this.#catalog.project2d()));
    return { ids: this.#read((catalog) => catalog.ids()), ...found };
  }

  async storeRows({ signal, onProgress } = {}) {
    if (this.#rows === undefined) return;
    const until = this.#untilFreed(signal);
    const progress = new ProgressReporter(onProgress);
    try {
      const how = { signal: until.signal, progress };
      await untilAborted(this.#rows.store(this.#sizes.get(this.#names[0]), how), until.signal);
    } finally {
      until.release();
    }
    progress.report("done");
  }

  async suggest(prefix, limit) {
    return this.#read((catalog) => catalog.suggest(prefix, limit));
  }

  async item(id) {
    return this.#read((catalog) => catalog.item(id)) ?? undefined;
  }

  loadRows({ signal, onProgress } = {}) {
    return this.#change(signal, async (signal) => {
      const [rows, catalog, name] = [this.#rows, this.#catalog, this.#names[0]];
      // A catalog of codes alone has no rows.
      if (rows === undefined || this.info.hasRows || this.#partBytes >= this.#sizes.get(name)) return;
      const progress = new ProgressReporter(onProgress);
      const take = (bytes) => this.#call(() => catalog.extend(bytes, true));
      await rows.load({ begin: this.#partBytes, size: this.#sizes.get(name), take }, { signal, progress });
      this.#refresh();
      progress.report("done");
    });
  }

  apply(bytes, { signal } = {}) {
    return this.#change(signal, async (signal) => this.#apply(await receivedDelta((work) => this.#call(work), bytes, signal)));
  }

  update({ signal, onProgress } = {}) {
    return this.#change(signal, async (signal) => {
      if (isSingleFile(this.#source)) throw invalid("update: the catalog was loaded from one file; pass a delta to apply");
      await untilAborted((this.#rest ?? Promise.resolve()).catch(() => {}), signal);
      const progress = new ProgressReporter(onProgress);
      const options = { ...this.#options, signal, onProgress };
      const folder = await CatalogFolder.open(this.#host, this.#source, options, progress);
      try {
        const isUpToDate = this.#options.vectors === "none" || this.info.vectors === null || this.info.hasVectors;
        if (isUpToDate && (await this.#follow(folder, signal))) return progress.report("done");
      } finally {
        folder.close();
      }
      await this.#load({ ...options, waits: true });
    });
  }

  free() {
    this.#ending.abort(freedError());
    this.#instance?.drop();
    this.#instance = this.#catalog = undefined;
    this.#deltas = [];
  }

  /** Loads the catalog into a new instance, which replaces the one before. */
  async #load(options) {
    const { signal, release: end } = this.#untilFreed(options.signal);
    const progress = new ProgressReporter(options.onProgress);
    try {
      const loaded = await loadCatalog(this.#host, this.#source, { ...options, signal }, progress);
      const before = this.#instance;
      [this.#instance, this.#catalog] = [loaded.instance, loaded.catalog];
      [this.#names, this.#sizes] = [loaded.names, loaded.sizes];
      [this.#rows, this.#partBytes] = [loaded.rows, loaded.partBytes];
      before?.drop();
      this.#refresh();
      this.ready = Promise.resolve();
      if (loaded.rest === undefined) return end();
      this.#rest = this.ready = this.#receiveRest(loaded.rest).finally(end);
      this.ready.catch(() => {}); // nobody may wait for it
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Replaces the catalog without vectors when all has arrived. */
  async #receiveRest(rest) {
    let unused;
    try {
      const whole = (unused = await rest);
      for (const delta of this.#deltas) this.#call(() => whole.apply(delta));
      [this.#catalog, unused] = [whole, this.#catalog];
      this.#refresh();
    } catch (error) {
      throwIfAborted(this.#ending.signal);
      throw error;
    } finally {
      this.#rest = undefined;
      for (const object of [unused, ...this.#deltas.splice(0)]) if (object) this.#free(object);
    }
  }

  /** Applies the deltas that were added to the folder. Returns false if it has another catalog, or was compacted. */
  async #follow(folder, signal) {
    const receiver = new CatalogReceiver(this.#instance);
    try {
      const found = await receiveDeltas(folder, receiver, { loaded: this.#names, version: this.info.version, signal });
      if (found === undefined) return false;
      const { before, added, names } = found;
      for (const [i, name] of added.entries()) {
        this.#sizes.set(name, receiver.sizeOf(name));
        this.#apply(receiver.take(name));
        this.#names = [...before, ...added.slice(0, i + 1)]; // also if the next one is refused
      }
      this.#names = names;
      await folder.keep(names, (name) => this.#sizes.get(name));
      return true;
    } finally {
      receiver.dropAll();
    }
  }

  /** Applies a delta, a CatalogFile, and frees it unless the vectors that arrive need it too. */
  #apply(file) {
    let isNeeded = false;
    try {
      this.#call(() => this.#catalog.apply(file));
      isNeeded = this.#rest !== undefined;
      if (isNeeded) this.#deltas.push(file);
    } finally {
      if (!isNeeded) this.#free(file);
    }
    this.#refresh();
  }

  /** Frees an object of the binding. */
  #free(object) {
    try {
      this.#call(() => object.free());
    } catch {
      // The instance is gone, and its whole memory with it.
    }
  }

  /** Runs changes one after the other. Returns the properties of the catalog. */
  async #change(signal, work) {
    const until = this.#untilFreed(signal);
    const mine = this.#changes.then(() => {
      throwIfAborted(until.signal);
      return work(until.signal);
    });
    this.#changes = mine.catch(() => {});
    try {
      await untilAborted(mine, until.signal);
      return this.info;
    } finally {
      until.release();
    }
  }

  /** Returns a signal that aborts as the given one does, and when the catalog is freed; and a function that ends this. */
  #untilFreed(signal) {
    const { controller, release } = childController(this.#ending.signal);
    const releaseGiven = onAbort(signal, () => controller.abort(reasonOf(signal)));
    return { signal: controller.signal, release: () => (release(), releaseGiven()) };
  }

  /** Runs a search with the rows that it wants. */
  async #scored(work, { signal, readRows = true } = {}) {
    const run = () => ({ result: this.#read(work), catalog: this.#catalog, rows: readRows ? this.#rows : undefined });
    // The catalog may be replaced meanwhile.
    const change = (catalog, work) => catalog === this.#catalog && this.#call(work);
    const makeRoom = (catalog, bytes) => change(catalog, () => catalog.makeRoom(bytes));
    const add = (catalog, offset, bytes) => change(catalog, () => catalog.addRows(offset, bytes));
    return this.#missing.search(run, { makeRoom, add, signal });
  }

  #refresh() {
    this.#snapshot = Object.freeze(this.#read((catalog) => catalog.info()));
    this.onChange(this.#snapshot);
  }

  #call(work) {
    if (this.#instance === undefined) throw freedError();
    return this.#instance.call(work);
  }

  #read(work) {
    return JSON.parse(this.#call(() => work(this.#catalog)));
  }
}
