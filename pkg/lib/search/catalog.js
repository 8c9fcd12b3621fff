// The class `Catalog` of `corom/search` and `corom/search-worker`. It checks arguments, embeds queries and reranks hits with
// the attached models; an engine searches: engine.js on this thread (entry.js), worker-engine.js in a worker
// (worker-load.js). Neither is imported here: a page with a worker would load the whole engine for nothing.
import { throwIfAborted, untilAborted } from "../abort.js";
import { hasCatalog, removeCatalog } from "../cached-models.js";
import { CoromError, invalid } from "../errors.js";
import { modelCache } from "../model-cache.js";
import { ModelInstance, assertNotFreed, engineOf, runQueued } from "../model-instance.js";
import { attachedModels, embedderOf } from "./attached.js";
import { deltaBytes } from "./delta.js";
import {
  applyOptions,
  clusterArguments,
  itemArguments,
  projectOptions,
  requestJson,
  searchArguments,
  similarArguments,
  suggestArguments,
  transferOptions,
} from "./options.js";
import { firstHits, rerankHits, rerankRequest } from "./rerank.js";
import { withStats } from "./stats.js";

/** `Catalog.cache` of a host. */
export const catalogCache = (host) => modelCache(host, { has: hasCatalog, remove: removeCatalog });

export class CatalogBase extends ModelInstance {
  #models = {};
  /** The version of the catalog with whose vectors the attached model was compared. */
  #checked;

  constructor(token, engine) {
    super(token, engine, "Catalog");
    // Own properties: on a Proxy of the instance, a getter of the class would have no private fields.
    Object.defineProperties(this, {
      memoryBytes: { enumerable: true, get: () => engine.memoryBytes },
      ready: { get: () => engine.ready },
    });
  }

  attach(model, options) {
    assertNotFreed(this);
    this.#models = attachedModels(this.#models, this.info, model, options);
    this.#checked = this.info.version;
    return this;
  }

  async search(query, options) {
    assertNotFreed(this);
    const given = searchArguments(query, options);
    return runQueued(this, given, (signal) => this.#search(given, signal));
  }

  async similar(id, options) {
    assertNotFreed(this);
    const given = similarArguments(id, options);
    return runQueued(this, given, async (signal) => {
      await this.#vectorsArrived(signal);
      const started = performance.now();
      const result = await engineOf(this).similar(given.id, requestJson(given.request), { signal, readRows: given.readRows });
      return { ...withStats(result, this.info.attributes), timing: { embed: 0, search: performance.now() - started } };
    });
  }

  async suggest(prefix, options) {
    assertNotFreed(this);
    const given = suggestArguments(prefix, options);
    return runQueued(this, given, (signal) => engineOf(this).suggest(given.prefix, given.limit, { signal }));
  }

  async item(id, options) {
    assertNotFreed(this);
    const given = itemArguments(id, options);
    return runQueued(this, given, (signal) => engineOf(this).item(given.id, { signal }));
  }

  async cluster(options) {
    assertNotFreed(this);
    const { k, seed, ...given } = clusterArguments(options);
    return runQueued(this, given, async (signal) => {
      await this.#vectorsArrived(signal);
      return engineOf(this).cluster(k, seed, { signal });
    });
  }

  async project2d(options) {
    assertNotFreed(this);
    return runQueued(this, projectOptions(options), async (signal) => {
      await this.#vectorsArrived(signal);
      return engineOf(this).project2d({ signal });
    });
  }

  async loadRows(options) {
    assertNotFreed(this);
    const given = transferOptions(options, "loadRows");
    await this.#vectorsArrived(given.signal);
    await engineOf(this).loadRows(given);
  }

  async storeRows(options) {
    assertNotFreed(this);
    const given = transferOptions(options, "storeRows");
    await this.#vectorsArrived(given.signal);
    await engineOf(this).storeRows(given);
  }

  async apply(delta, options) {
    assertNotFreed(this);
    const { signal } = applyOptions(options);
    const bytes = await untilAborted(deltaBytes(delta), signal);
    return { ...(await engineOf(this).apply(bytes, { signal })) };
  }

  async update(options) {
    assertNotFreed(this);
    return { ...(await engineOf(this).update(transferOptions(options, "update"))) };
  }

  free() {
    super.free();
    this.#models = {};
  }

  async #search({ request, vector, rerank, readRows }, signal) {
    const { embedder, reranker, prompt } = this.#models;
    if (rerank && reranker === undefined) throw invalid("rerank: no reranker is attached; call attach(reranker) first");
    const started = performance.now();
    const { mode = "auto", query, collapse, diversity } = request;
    const hasText = query.trim() !== "";
    const plan = rerank && hasText ? rerankRequest(request, this.info.fields, rerank) : undefined;
    const needsVectors = vector !== undefined || mode === "semantic" || mode === "hybrid" || collapse !== undefined || diversity > 0;
    if (needsVectors) await this.#vectorsArrived(signal);
    if (vector === undefined && hasText && mode !== "keyword" && embedder !== undefined && this.info.hasVectors) {
      this.#checkEmbedder(embedder);
      vector = await embedder.embed(query, { prompt, signal }).catch((error) => {
        throw error?.code === "FREED" ? new CoromError("FREED", "the attached model was freed; attach another one", { cause: error }) : error;
      });
      throwIfAborted(signal);
    }
    if (vector === undefined && hasText) this.#checkMode(mode);
    const embedded = performance.now();
    const find = async (request) => withStats(await engineOf(this).search(requestJson(request), vector, { signal, readRows }), this.info.attributes);
    const result = await (plan ? firstHits(find, plan) : find(request));
    const timing = { embed: embedded - started, search: performance.now() - embedded };
    return plan ? rerankHits(result, plan, { reranker, query, timing, signal }) : { ...result, timing };
  }

  /** Checks the mode of a search that has no vector. */
  #checkMode(mode) {
    if (mode !== "semantic" && mode !== "hybrid") return;
    if (this.info.vectors === null) throw invalid(`mode: the catalog was built without vectors; use "keyword"`);
    throw invalid(`mode: a ${mode} search of a text needs the catalog's model; call attach(corom) first, or search a vector`);
  }

  /** Compares the attached model with the vectors of a catalog that an update loaded: they may be another model's. */
  #checkEmbedder(embedder) {
    if (this.#checked === this.info.version) return;
    embedderOf(embedder, this.info);
    this.#checked = this.info.version;
  }

  /** Waits for vectors that are on their way. */
  async #vectorsArrived(signal) {
    const { info } = this;
    if (info.vectors === null || info.hasVectors) return;
    await untilAborted(engineOf(this).ready, signal);
    if (!info.hasVectors) throw invalid('this call needs vectors; the catalog was loaded without them, with vectors: "none"');
  }
}
