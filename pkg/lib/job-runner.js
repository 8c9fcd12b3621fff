// Runs the jobs of a model in WebAssembly on this thread, step by step, and yields to the event loop between steps.
import { throwIfAborted, untilAborted } from "./abort.js";
import { BatchSize } from "./batch-size.js";
import { YieldTimer } from "./yield-timer.js";

export class JobRunner {
  #runtime;
  #withModel;
  #batchSize;
  #yieldTimer = new YieldTimer();

  /**
   * `withModel(work)` returns `work(model)`, or throws FREED. A model has `start`, `step` and `finish`, as the class
   * `Embedder` of the Rust core. `batchTimeMs`: see batch-size.js.
   */
  constructor({ runtime, withModel, batchTimeMs }) {
    this.#runtime = runtime;
    this.#withModel = withModel;
    this.#batchSize = new BatchSize(batchTimeMs);
  }

  /** Runs between steps and between calls: yields to the event loop if that is due, then throws if the signal is aborted. */
  async yieldAndCheck(signal) {
    if (this.#yieldTimer.isDue) await this.#yieldTimer.yieldNow();
    throwIfAborted(signal);
  }

  /**
   * Runs the job that `start(model)` returns. A job that ends early is freed. Returns the numbers `data`, and the `report`
   * of the class Embeddings. `onDone(count)` is told how many texts are done.
   */
  async run(start, { signal, onDone } = {}) {
    let job = this.#withModel(start);
    try {
      while (!this.#step(job)) {
        onDone?.(this.#runtime.call(() => job.done));
        if (this.#runtime.call(() => job.isPending)) await untilAborted(this.#runtime.wait(), signal); // for the GPU
        await this.yieldAndCheck(signal);
      }
      const finished = job;
      const report = this.#runtime.call(() => ({
        tokens: finished.tokens(),
        truncated: finished.truncated(),
        unknown: finished.unknown(),
      }));
      job = undefined; // finish() frees the job
      return { data: this.#withModel((model) => model.finish(finished)), report };
    } finally {
      if (job && this.#runtime.memoryBytes > 0) this.#runtime.call(() => job.free());
    }
  }

  /** Does one step of a job: tokenizes some texts, or runs a batch. Returns true if the job is done. */
  #step(job) {
    return this.#withModel((model) => {
      if (this.#batchSize.tokens !== undefined) job.setBatchTokens(this.#batchSize.tokens);
      const before = job.doneTokens;
      const began = performance.now();
      const isDone = model.step(job);
      this.#batchSize.measured(job.doneTokens - before, performance.now() - began);
      return isDone;
    });
  }
}
