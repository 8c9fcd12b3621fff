// The class `Corom`. It checks arguments, queues calls, and divides them into portions, which an engine computes:
// engine.js on this thread, worker/engine.js in a worker. See index.d.ts for the public methods.
import { childController, throwIfAborted, untilAborted } from "./abort.js";
import * as check from "./call-arguments.js";
import { CallProgress } from "./call-progress.js";
import { checkScores, keptFreedError } from "./documents.js";
import { EmbedResult, checkResultSize } from "./embed-result.js";
import { Embeddings } from "./embeddings.js";
import { freedError } from "./engine.js";
import { invalid } from "./errors.js";
import { isIterable, iteratorOf } from "./iteration.js";
import { KeptVectors } from "./kept-vectors.js";
import { errorOfPortion, textPortions } from "./portions.js";
import { Queue } from "./queue.js";
import { asVector } from "./vectors.js";

/** Token that only `load` passes to the constructor, so that the constructor is not public. */
export const loaded = Symbol("loaded");

/** Returns the class that `load` was called on: `Class`, a subclass, or `Class` if `load` is called apart from it. */
export const calledOn = (given, Class) =>
  given?.prototype === Class.prototype || given?.prototype instanceof Class ? given : Class;

/** Returns the engine of an instance. */
export let engineOf;
/** Runs `task(signal)` after all calls of an instance so far. */
export let runQueued;

export class Corom {
  #engine;
  #queue;
  #freed = false;

  static {
    engineOf = (corom) => corom.#engine;
    runQueued = (corom, task, options = {}) => corom.#run(options, task);
  }

  constructor(token, engine) {
    if (token !== loaded) throw invalid("Corom has no public constructor; use await Corom.load(source)");
    this.#engine = engine;
    this.#queue = new Queue({ parallel: engine.parallel });
    Object.defineProperty(this, "info", { enumerable: true, value: Object.freeze(engine.info) });
    bindMethods(this);
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
    this.#assertNotFreed();
    const given = check.keepArguments(documents, options, { info: this.info, engine: this.#engine });
    const { length } = given.documents;
    checkResultSize(length, this.info.dimension);
    const progress = given.onProgress && new CallProgress(given.onProgress, length);
    return this.#run(given, async (signal) => {
      const data = await this.#vectorsOf(given.documents, signal, progress);
      this.#assertNotFreed();
      return new KeptVectors(this.#engine, data, length, this.info.dimension);
    });
  }

  async tokenize(text, options) {
    this.#assertNotFreed();
    const given = check.tokenizeArguments(text, options);
    return this.#run(given, (signal) => this.#engine.tokenize(given.text, { signal }));
  }

  free() {
    if (this.#freed) return;
    this.#freed = true;
    this.#engine.free();
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  #assertNotFreed() {
    if (this.#freed) throw freedError();
  }

  /**
   * For how many workers a call is divided. A graph that is not fused pads the texts of a batch, which changes bits: its
   * portions are those of one worker.
   */
  get #portionWorkers() {
    return this.info.fused ? this.#engine.parallel : 1;
  }

  /** Queues a call. `task` receives the signal that aborts the call. */
  async #run({ signal, abortPrevious, isExclusive }, task) {
    throwIfAborted(signal);
    const runTask = (callSignal) => {
      this.#assertNotFreed();
      return task(callSignal);
    };
    return this.#queue.run(runTask, { signal, abortPrevious, isExclusive });
  }

  async #embedList(texts, options) {
    this.#assertNotFreed();
    const given = check.embedArguments(texts, options, this.info);
    const { list, isSingle, prompt, onProgress } = given;
    const progress = onProgress && new CallProgress(onProgress, list.length);
    const { data, report } = await this.#run(given, (signal) => this.#embedPortions(list, prompt, signal, progress));
    return isSingle ? asVector(data) : new Embeddings(data, list.length, this.info.dimension, report);
  }

  async #embedPortions(list, prompt, signal, progress) {
    if (list.length === 0) return this.#engine.embed(list, prompt, { signal }); // checks the prompt
    const result = new EmbedResult(list.length, this.info.dimension);
    const portions = textPortions(list, this.#portionWorkers);
    await forEachPortion(portions, this.#engine.parallel, signal, async ({ at, texts }, signal) => {
      const onDone = progress?.portion();
      result.set(at, await this.#engine.embed(texts, prompt, { signal, onDone }));
      onDone?.(texts.length);
    });
    return result;
  }

  /** Embeds what an iterable yields, in batches. Each batch is a call of its own. */
  async *#embedIterable(texts, options) {
    this.#assertNotFreed();
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
          const { done, value } = await untilAborted(Promise.resolve(iterator.next()), signal);
          if ((ended = Boolean(done))) break;
          batch.push(check.iteratedText(await untilAborted(Promise.resolve(value), signal), index++));
        }
        if (batch.length === 0) break;
        const { data, report } = await this.#run({ signal }, (callSignal) =>
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
    this.#assertNotFreed();
    const names = call === "rank" ? ["topK"] : [];
    const given = check.comparison(query, documents, options, { call, info: this.info, names, engine: this.#engine });
    const { metric, topK, onProgress } = given;
    const progress = onProgress && new CallProgress(onProgress, given.documents.length);
    return this.#run(given, async (signal) => {
      const values = await this.#scorePortions(given, signal, progress);
      if (call === "score") return { values, metric };
      if (values.length === 0 || topK === 0) return [];
      const order = await this.#engine.order(values, topK && Math.min(topK, values.length), metric);
      const isDistance = check.isDistance(metric);
      return Array.from(order, (index) => {
        const score = isDistance ? { score: scoreOf(values[index]), distance: values[index] } : { score: values[index] };
        return { index, ...score, ...given.documents.describe(index) };
      });
    });
  }

  /** Returns a query that all portions have in common: with several workers a vector, so that only one embeds the text. */
  async #sharedQuery(query, documents, signal) {
    if (query.text === undefined || documents.length === 0 || this.#engine.parallel === 1) return query;
    return { vector: (await this.#engine.embed([query.text], { kind: "query" }, { signal })).data };
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
    await forEachPortion(portions, this.#engine.parallel, signal, async (portion, signal) => {
      const onDone = progress?.portion();
      const some = await this.#engine.score(query, portion, metric, { signal, onDone });
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

/**
 * Calls `work(portion, signal)` for each portion, `parallel` at a time. The first failure aborts the other portions, and
 * is thrown when they have ended.
 */
async function forEachPortion(portions, parallel, signal, work) {
  const { controller, release } = childController(signal);
  let failure;
  const runSome = async () => {
    for (const portion of portions) {
      try {
        await work(portion, controller.signal);
      } catch (error) {
        throw errorOfPortion(error, portion.at);
      }
      if (failure) return;
    }
  };
  const runs = Array.from({ length: parallel }, () =>
    runSome().catch((error) => {
      failure ??= { error };
      controller.abort(failure.error);
    }),
  );
  await Promise.all(runs);
  release();
  if (failure) throw failure.error;
}

/**
 * Binds the methods to the instance, so that they also work on a Proxy of it, such as Vue's `ref` makes, which has no
 * private fields. A method is looked up when it is called, because a test may replace it in the class.
 */
function bindMethods(corom) {
  const own = Object.getPrototypeOf(corom);
  for (let proto = own; proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const key of Reflect.ownKeys(proto)) {
      if (key === "constructor" || Object.hasOwn(corom, key)) continue;
      const value = (...args) => own[key].apply(corom, args);
      Object.defineProperty(corom, key, { value, writable: true, configurable: true });
    }
  }
}
