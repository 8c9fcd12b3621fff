// The most tokens of a batch. Larger batches take less time per text: from 64 tokens on, the exact kernels need
// seven products instead of eight. But nothing else runs on the thread during a batch.

/** The size of a batch on a page's own thread, and wherever batches are slow. */
const MIN_TOKENS = 64;
/** Larger batches gain nothing more. */
const MAX_TOKENS = 256;
/** Batches of fewer tokens say little about the time per token. */
const MIN_MEASURED_TOKENS = 16;

export class BatchSize {
  #timeMs;
  #tokens = MIN_TOKENS;

  /** `timeMs`: the longest time that a batch of more than 64 tokens should take; undefined for no such batches. */
  constructor(timeMs) {
    this.#timeMs = timeMs;
  }

  /** Returns the most tokens of the next batch; undefined for the default of the Rust core. */
  get tokens() {
    return this.#timeMs === undefined ? undefined : this.#tokens;
  }

  /** Takes the size of a batch and the time that it took. */
  measured(tokens, ms) {
    if (this.#timeMs === undefined || tokens < MIN_MEASURED_TOKENS) return;
    const fitting = Math.floor((this.#timeMs * tokens) / Math.max(ms, 1));
    this.#tokens = Math.max(MIN_TOKENS, Math.min(MAX_TOKENS, fitting));
  }
}
