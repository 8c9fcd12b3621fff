// The catalog, the model and the reranker, each in a worker of its own.
import { Catalog } from "../pkg/search-worker.js";
import { Corom, CoromReranker } from "../pkg/worker.js";

const parameters = new URLSearchParams(location.search);
const advanced = { simd: parameters.get("simd") ?? "auto" };

/**
 * Loads the catalog; keywords can be searched at once. Then loads the model and, if there is one, the reranker. `on` has
 * the functions `catalog(shop)`, `progress(event)`, `model(corom)`, `evaluation(table)`, `reranker(reranker)` and
 * `failed(error)`, for a model that cannot be used.
 */
export async function startServices(on) {
  const shop = await Catalog.load("./catalog/", { vectors: "later" });
  on.catalog(shop);
  if (parameters.get("model") === "none" || shop.info.vectors === null) return;
  try {
    const [corom] = await Promise.all([Corom.load("./model/", { onProgress: on.progress, advanced }), shop.ready]);
    shop.attach(corom);
    on.model(corom);
  } catch (error) {
    on.failed(error);
    return;
  }
  const { reranker: hasReranker, evaluation } = await (await fetch("./site.json")).json();
  if (evaluation) on.evaluation(await (await fetch("./catalog/evaluation.json")).json());
  if (!hasReranker) return;
  const reranker = await CoromReranker.load("./reranker/", { advanced });
  shop.attach(reranker);
  on.reranker(reranker);
}

/** Keeps the page for use without a network. */
export function keepOffline() {
  if (!("serviceWorker" in navigator) || parameters.get("offline") === "none") return;
  navigator.serviceWorker.register("./sw.js").catch((error) => console.info(`offline use: ${error.message}`));
}
