// Reports how far a call is to the option `onProgress`.

/** Least time between two events; the last one is always sent. */
const INTERVAL_MS = 50;
/** The rate is the mean of this time. */
const RATE_WINDOW_MS = 3000;

export class CallProgress {
  #callback;
  #total;
  #done = 0;
  #began = performance.now();
  #samples = [{ now: this.#began, done: 0 }];
  #lastEvent = -Infinity;

  /** `total` is undefined for an iterable. */
  constructor(callback, total) {
    this.#callback = callback;
    this.#total = total;
  }

  /** Returns a function that takes how many items of one portion are done, each time with those before. */
  portion() {
    let counted = 0;
    return (done) => {
      this.#add(done - counted);
      counted = done;
    };
  }

  /** Sends the last event of an iterable, whose total nobody knows before. */
  end() {
    if (this.#samples.at(-1).done < this.#done) this.#report(performance.now());
  }

  #add(items) {
    if (items <= 0) return;
    this.#done += items;
    const now = performance.now();
    const isLast = this.#done === this.#total;
    if (isLast || now - this.#lastEvent >= INTERVAL_MS) this.#report(now);
  }

  #report(now) {
    this.#lastEvent = now;
    this.#samples.push({ now, done: this.#done });
    while (this.#samples.length > 2 && now - this.#samples[0].now > RATE_WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    const rate = now > first.now ? ((this.#done - first.done) / (now - first.now)) * 1000 : undefined;
    const left = this.#total === undefined || rate === undefined ? undefined : (this.#total - this.#done) / rate;
    this.#callback({ done: this.#done, total: this.#total, rate, secondsLeft: left });
  }
}
