// The catalog, the model and the reranker, each in workers of their own.
import { Catalog } from "../pkg/search-worker.js";
import { Corom, CoromReranker } from "../pkg/worker.js";
import { loadOptions } from "./settings.js";

const parameters = new URLSearchParams(location.search);
const advanced = { simd: parameters.get("simd") ?? "auto" };

/** False if the page is served without a model. */
export const hasModel = parameters.get("model") !== "none";

/** The back ends that the model can run on here. */
export const devices = () => Corom.devices();

/**
 * Loads the catalog; keywords can be searched at once. Then loads the model and, if there is one, the reranker. `on` has
 * the functions `catalog(shop)`, `progress(event)`, `model(corom)`, `evaluation(table)`, `reranker(reranker)`, which gets
 * undefined if there is none, `offline()`, `failed(error)`, for a model that cannot be used, and `loader(load)`: `load(state)`
 * loads the model with other settings. `state` has those at first.
 */
export async function startServices(on, state) {
  // Codes are a seventh of the vectors' bytes. Rows follow one by one as searches want them, and all of them at last.
  const shop = await Catalog.load("./catalog/", { vectors: "codes" });
  on.catalog(shop);
  const site = await (await fetch("./site.json")).json();
  if (site.evaluation) {
    const table = fetch("./catalog/evaluation.json").then((response) => response.json());
    table.then(on.evaluation, console.warn); // the model does not wait for it
  }
  if (!hasModel || shop.info.vectors === null) {
    return on.reranker(undefined);
  }
  const models = new Models(shop, on, site);
  on.loader((changed) => models.load(changed));
  await models.load(state);
}

class Models {
  #shop;
  #on;
  #site;
  #corom;
  #reranker;
  #rest;
  #loading = new AbortController();

  constructor(shop, on, site) {
    this.#shop = shop;
    this.#on = on;
    this.#site = site;
  }

  /** Loads the model with the settings of a state, in place of the one before. */
  async load(state) {
    this.#loading.abort();
    const { signal } = (this.#loading = new AbortController());
    // Two models at once may be too much for a phone. Until the new one is there, keywords are searched.
    this.#shop.attach(null, { reranker: this.#reranker });
    this.#corom?.free();
    this.#corom = undefined;
    this.#on.model(undefined);
    try {
      const options = { ...loadOptions(state), onProgress: this.#on.progress, signal, advanced };
      const [corom] = await Promise.all([Corom.load("./model/", options), this.#shop.ready]);
      if (signal.aborted) return corom.free();
      this.#corom = corom;
      this.#shop.attach(corom);
      await this.#on.model(corom); // the results come first
      this.#rest ??= this.#loadRest();
    } catch (error) {
      if (!signal.aborted) this.#on.failed(error);
    }
  }

  /** Loads what can wait for the model: the reranker, if the site has one, and the rows of the catalog. */
  async #loadRest() {
    try {
      if (this.#site.reranker) this.#shop.attach((this.#reranker = await CoromReranker.load("./reranker/", { advanced })));
    } catch (error) {
      console.warn(error);
    }
    this.#on.reranker(this.#reranker);
    await loadRows(this.#shop).then(this.#on.offline, (error) => console.info(`offline use: ${error.message}`));
  }
}

/** Loads the rows of the catalog, which are kept on this device too, when the page has nothing else to do. */
async function loadRows(shop) {
  await new Promise((resolve) => (globalThis.requestIdleCallback ?? setTimeout)(resolve));
  await shop.loadRows();
  await navigator.serviceWorker?.ready;
}

/** Keeps the page for use without a network. */
export function keepOffline() {
  if (!("serviceWorker" in navigator) || parameters.get("offline") === "none") return;
  navigator.serviceWorker.register("./sw.js").catch((error) => console.info(`offline use: ${error.message}`));
}
