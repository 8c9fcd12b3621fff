// The engine of `Corom` in `corom/worker`. ../engine.js lists the members of an engine.
import { PoolEngine } from "./pool-engine.js";

export class WorkerEngine extends PoolEngine {
  #keptIds = new Set();
  #hasKept = false;

  embed(texts, prompt, options) {
    return this.#ask("embed", [texts, prompt], options);
  }

  async score(query, { texts, vectors, kept }, metric, options) {
    const ask = (portion) => this.#ask("score", [query, portion, metric], options);
    if (texts) return ask({ texts });
    const values = kept && (await ask({ kept }));
    // A view is copied, because its whole buffer would be cloned.
    return values ?? (vectors && ask({ kept, vectors: vectors.slice() }));
  }

  /** The vectors are sent to a worker when it scores them first. */
  keep(id) {
    this.#keptIds.add(id);
    this.#hasKept = true;
    return true;
  }

  /** Each worker frees the vectors at its next question. */
  release(id) {
    this.#keptIds.delete(id);
  }

  order(values, topK, metric) {
    return this.#ask("order", [values, topK, metric]);
  }

  tokenize(text, options) {
    return this.#ask("tokenize", [text], options);
  }

  #ask(method, args, options) {
    const question = { method, args };
    if (this.#hasKept) question.kept = [...this.#keptIds];
    return this.ask(question, options);
  }
}
