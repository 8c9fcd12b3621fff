// The model of an instance of `CoromReranker` on this thread.
//
// An engine of rerankers has these members; worker/rerank-engine.js has them too:
//
//   info                                             what is loaded
//   parallel                                         calls, and portions of calls, that run at the same time
//   rerank(query, texts, { signal, onDone, call })   -> { logits, scores }, a number per text
//   tokenizePair(query, text, { signal })            -> PairTokens
//   free()
//
// `call`, { id, pairs }, is the call that the texts are a portion of; pairs is the number of its texts (device/engine.js).
// While pairs are scored, `onDone(count)` is told how many of them are done.
import { freedError } from "./model-instance.js";
import { JobRunner } from "./job-runner.js";
import { liveInfo } from "./live-info.js";
import { errorOfPortion } from "./portions.js";

export class RerankEngine {
  #runtime;
  #reranker;
  #jobs;
  parallel = 1;

  /** The arguments are those of the class Engine. */
  constructor({ runtime, model, content, onnxFile, batchTimeMs }) {
    this.#runtime = runtime;
    this.#reranker = model;
    this.#jobs = new JobRunner({ runtime, withModel: (work) => this.#withReranker(work), batchTimeMs });
    this.content = content;
    // No function in this constructor refers to `model`: free() clears the field #reranker.
    this.info = liveInfo(runtime, () => this.#reranker, onnxFile);
  }

  async rerank(query, texts, { signal, onDone } = {}) {
    await this.#jobs.yieldAndCheck(signal);
    const logits = this.info.fused
      ? (await this.#jobs.run((reranker) => reranker.start(query, texts), { signal, onDone })).data
      : await this.#onePairAtATime(query, texts, signal, onDone);
    return { logits, scores: this.#withReranker((reranker) => reranker.probabilities(logits)) };
  }

  async tokenizePair(query, text, { signal } = {}) {
    await this.#jobs.yieldAndCheck(signal);
    return this.#withReranker((reranker) => reranker.tokenizePair(query, text));
  }

  /** False after a crash, and after `free`. */
  get isAlive() {
    return this.#runtime.memoryBytes > 0;
  }

  /** Returns whether the GPU that runs the model has failed, or is lost; undefined on the CPU. */
  get hasDeviceFailed() {
    return this.#runtime.hasDeviceFailed;
  }

  get isDeviceLost() {
    return this.#runtime.isDeviceLost;
  }

  get variants() {
    return this.#runtime.variants;
  }

  free() {
    this.#reranker = undefined;
    this.#runtime.drop();
  }

  /**
   * Scores each pair by itself. A graph that is not fused pads the pairs of a batch, so the bits of a score would depend on
   * the other pairs.
   */
  async #onePairAtATime(query, texts, signal, onDone) {
    const logits = new Float32Array(texts.length);
    for (const [i, text] of texts.entries()) {
      try {
        logits.set((await this.#jobs.run((reranker) => reranker.start(query, [text]), { signal })).data, i);
      } catch (error) {
        throw errorOfPortion(error, { at: i });
      }
      onDone?.(i + 1);
    }
    return logits;
  }

  /** Calls `work` with the reranker. Throws FREED if the instance has been freed in the meantime. */
  #withReranker(work) {
    if (!this.#reranker) throw freedError();
    return this.#runtime.call(() => work(this.#reranker));
  }
}
