// The engine of `CoromReranker` in `corom/worker`. ../rerank-engine.js lists the members of an engine of rerankers.
import { PoolEngine } from "./pool-engine.js";

export class WorkerRerankEngine extends PoolEngine {
  rerank(query, texts, { call, ...options } = {}) {
    return this.ask({ method: "rerank", args: [query, texts], call }, options);
  }

  tokenizePair(query, text, options) {
    return this.ask({ method: "tokenizePair", args: [query, text] }, options);
  }
}
