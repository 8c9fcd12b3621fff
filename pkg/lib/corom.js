// The class `Corom`. It checks arguments, queues calls, and divides them into portions, which an engine computes:
// engine.js on this thread, worker/engine.js in a worker. See index.d.ts for the public methods.
import { throwIfAborted, untilAborted } from "./abort.js";
import * as check from "./call-arguments.js";
import { CallProgress } from "./call-progress.js";
import { checkScores, keptFreedError } from "./documents.js";
import { EmbedResult, checkResultSize } from "./embed-result.js";
import { Embeddings } from "./embeddings.js";
import { ModelInstance, assertNotFreed, engineOf, runQueued } from "./model-instance.js";
import { isIterable, iteratorOf, nextOf } from "./iteration.js";
import { KeptVectors } from "./kept-vectors.js";
import { textPortions } from "./portions.js";
import { forEachPortion } from "./run-portions.js";
import { asVector } from "./vectors.js";

export class Corom extends ModelInstance {
  constructor(token, engine) {
    super(token, engine, "Corom");
  }

  embed(texts, options) {
    return isIterable(texts) ? this.#embedIterable(texts, options) : this.#embedList(texts, options);
  }

  async score(query, documents, options) {
    const { values, metric } = await this.#compare(query, documents, options, "score");
    return asVector(check.isDistance(metric) ? values.map(scoreOf) : values);
  }

  async rank(query, documents, options) {
    return this.#compare(query, documents, options, "rank");
  }

  async keep(documents, options) {
    assertNotFreed(this);
    const given = check.keepArguments(documents, options, { info: this.info, engine: engineOf(this) });
    const { length } = given.documents;
    checkResultSize(length, this.info.dimension);
    const progress = given.onProgress && new CallProgress(given.onProgress, length);
    return runQueued(this, given, async (signal) => {
      const data = await this.#vectorsOf(given.documents, signal, progress);
      assertNotFreed(this);
      return new KeptVectors(engineOf(this), data, length, this.info.dimension);
    });
  }

  async tokenize(text, options) {
    assertNotFreed(this);
    const given = check.tokenizeArguments(text, options);
    return runQueued(this, given, (signal) => engineOf(this).tokenize(given.text, { signal }));
  }

  /**
   * For how many workers a call is divided. A graph that is not fused pads the texts of a batch, which changes bits: its
   * portions are those of one worker.
   */
  get #portionWorkers() {
    return this.info.fused ? engineOf(this).parallel : 1;
  }

  async #embedList(texts, options) {
    assertNotFreed(this);
    const given = check.embedArguments(texts, options, this.info);
    const { list, isSingle, prompt, onProgress } = given;
    const progress = onProgress && new CallProgress(onProgress, list.length);
    const { data, report } = await runQueued(this, given, (signal) => this.#embedPortions(list, prompt, signal, progress));
    return isSingle ? asVector(data) : new Embeddings(data, list.length, this.info.dimension, report);
  }

  async #embedPortions(list, prompt, signal, progress) {
    if (list.length === 0) return engineOf(this).embed(list, prompt, { signal }); // checks the prompt
    const result = new EmbedResult(list.length, this.info.dimension);
    const portions = textPortions(list, this.#portionWorkers);
    await forEachPortion(portions, engineOf(this).parallel, signal, async ({ at, texts }, signal) => {
      const onDone = progress?.portion();
      result.set(at, await engineOf(this).embed(texts, prompt, { signal, onDone }));
      onDone?.(texts.length);
    });
    return result;
  }

  /** Embeds what an iterable yields, in batches. Each batch is a call of its own. */
  async *#embedIterable(texts, options) {
    assertNotFreed(this);
    const { batchSize, prompt, onProgress, signal } = check.iterableOptions(options);
    throwIfAborted(signal);
    const progress = onProgress && new CallProgress(onProgress);
    const iterator = iteratorOf(texts);
    let index = 0;
    let ended = false;
    try {
      while (!ended) {
        const batch = [];
        while (batch.length < batchSize) {
          const { value } = await untilAborted(nextOf(iterator, () => (ended = true)), signal);
          if (ended) break;
          batch.push(check.iteratedText(await untilAborted(Promise.resolve(value), signal), index++));
        }
        if (batch.length === 0) break;
        const { data, report } = await runQueued(this, { signal }, (callSignal) =>
          this.#embedPortions(batch, prompt, callSignal, progress),
        );
        yield new Embeddings(data, batch.length, this.info.dimension, report);
      }
      progress?.end();
    } finally {
      if (!ended) {
        const closed = closeIterator(iterator);
        if (!signal?.aborted) await closed; // an iterable that does not answer must not keep an aborted call waiting
      }
    }
  }

  /** Compares a query with documents. Returns the results of `rank`, or `{ values, metric }` for `score`. */
  async #compare(query, documents, options, call) {
    assertNotFreed(this);
    const names = call === "rank" ? ["topK"] : [];
    const given = check.comparison(query, documents, options, { call, info: this.info, names, engine: engineOf(this) });
    const { metric, topK, onProgress } = given;
    const progress = onProgress && new CallProgress(onProgress, given.documents.length);
    return runQueued(this, given, async (signal) => {
      const values = await this.#scorePortions(given, signal, progress);
      if (call === "score") return { values, metric };
      if (values.length === 0 || topK === 0) return [];
      const order = await engineOf(this).order(values, topK && Math.min(topK, values.length), metric);
      const isDistance = check.isDistance(metric);
      return Array.from(order, (index) => {
        const score = isDistance ? { score: scoreOf(values[index]), distance: values[index] } : { score: values[index] };
        return { index, ...score, ...given.documents.describe(index) };
      });
    });
  }

  /** Returns a query that all portions have in common: with several workers a vector, so that only one embeds the text. */
  async #sharedQuery(query, documents, signal) {
    if (query.text === undefined || documents.length === 0 || engineOf(this).parallel === 1) return query;
    return { vector: (await engineOf(this).embed([query.text], { kind: "query" }, { signal })).data };
  }

  /** Returns the vectors of documents; texts are embedded after the prompt of documents. */
  async #vectorsOf(documents, signal, progress) {
    if (documents.list) {
      return (await this.#embedPortions(documents.list, { kind: "document" }, signal, progress)).data;
    }
    const data = new Float32Array(documents.length * this.info.dimension);
    for (const { at, vectors } of documents.portions()) data.set(vectors, at * this.info.dimension);
    return data;
  }

  /** Returns the metric's value of each document. Of the documents' vectors, only one portion is in memory at a time. */
  async #scorePortions({ query: given, documents, metric }, signal, progress) {
    const query = await this.#sharedQuery(given, documents, signal);
    const values = new Float32Array(documents.length);
    const portions = documents.portions(this.#portionWorkers);
    await forEachPortion(portions, engineOf(this).parallel, signal, async (portion, signal) => {
      const onDone = progress?.portion();
      const some = await engineOf(this).score(query, portion, metric, { signal, onDone });
      if (some === undefined) throw keptFreedError(); // while the call waited
      checkScores(some, portion.at);
      values.set(some, portion.at);
      onDone?.(some.length);
    });
    return values;
  }
}

/** Returns the score of a distance: a larger score is better. */
function scoreOf(distance) {
  return 0 - distance; // not -distance, which makes -0 of 0
}

/** Tells an iterator that nobody reads on. Its own errors are ignored, as the iteration has its result already. */
async function closeIterator(iterator) {
  try {
    await iterator.return?.();
  } catch {}
}
