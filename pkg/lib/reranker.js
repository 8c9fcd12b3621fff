// The class `CoromReranker`: scores pairs of a query and a document with a cross-encoder, and sorts the documents. It
// divides a call into portions of pairs, which an engine computes: rerank-engine.js on this thread,
// worker/rerank-engine.js in a worker. See types/rerank.d.ts for the public methods.
import { throwIfAborted } from "./abort.js";
import { Budget } from "./budget.js";
import { CallProgress } from "./call-progress.js";
import { ModelInstance, assertNotFreed, engineOf, runQueued } from "./model-instance.js";
import { PairCache } from "./pair-cache.js";
import { pairPortions } from "./pair-portions.js";
import { Ranking } from "./ranking.js";
import * as check from "./rerank-arguments.js";
import { forEachPortion } from "./run-portions.js";
import { asVector } from "./vectors.js";

/** The number of calls so far. */
let calls = 0;

export class CoromReranker extends ModelInstance {
  #pairs;

  constructor(token, engine, { pairCache } = {}) {
    super(token, engine, "CoromReranker");
    this.#pairs = new PairCache(pairCache);
  }

  async rerank(query, documents, options) {
    assertNotFreed(this);
    const given = check.rerankArguments(query, documents, options);
    const ranking = await this.#scorePairs(given);
    return ranking.sorted(given.topK);
  }

  async score(query, documents, options) {
    assertNotFreed(this);
    const ranking = await this.#scorePairs(check.scoreArguments(query, documents, options));
    return asVector(ranking.scores());
  }

  async tokenize(query, document, options) {
    assertNotFreed(this);
    const given = check.tokenizeArguments(query, document, options);
    return runQueued(this, given, (signal) => engineOf(this).tokenizePair(given.query, given.document, { signal }));
  }

  free() {
    super.free();
    this.#pairs.clear();
  }

  /** Scores the pairs of a call, or those that its time budget allows. Returns the Ranking. */
  async #scorePairs(given) {
    const budget = new Budget(given.budgetMs); // the time in the queue counts
    return runQueued(this, given, async (signal) => {
      const ranking = new Ranking(given.documents);
      const { query, onPartial, topK } = given;
      const progress = given.onProgress && new CallProgress(given.onProgress, ranking.total);
      for (const text of ranking.texts()) ranking.set(text, this.#pairs.get(query, text));
      progress?.portion()(ranking.done);
      const report = () => onPartial?.(ranking.sorted(topK), { done: ranking.done, total: ranking.total });
      const waiting = ranking.waiting();
      if (waiting.texts.length === 0 && ranking.total > 0) report();
      const { parallel } = engineOf(this);
      const call = { id: ++calls, pairs: waiting.texts.length };
      const portions = pairPortions(waiting, { query, workers: parallel, budget });
      await forEachPortion(portions, parallel, signal, async ({ texts, size }, signal) => {
        const onDone = progress?.portion();
        const began = performance.now();
        const { logits, scores } = await engineOf(this).rerank(query, texts, { signal, onDone, call });
        // The call may have ended while the engine answered: nothing more is reported then.
        throwIfAborted(signal);
        assertNotFreed(this);
        budget.measured(size, performance.now() - began);
        const before = ranking.done;
        texts.forEach((text, i) => {
          const pair = { score: scores[i], logit: logits[i] };
          this.#pairs.set(query, text, pair);
          ranking.set(text, pair);
        });
        onDone?.(ranking.done - before); // documents: a text may be several of them
        report();
      });
      return ranking;
    });
  }
}
