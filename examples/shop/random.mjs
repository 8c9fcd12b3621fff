// Random choices from a seed: the same seed gives the same shop on every machine.

/** Returns a function that returns numbers from 0 to 1, without 1 (mulberry32, by Tommy Ettinger). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Random {
  #next;

  constructor(seed) {
    this.#next = generator(seed);
  }

  /** Returns a whole number from 0 to `end`, without `end`. */
  below(end) {
    return Math.floor(this.#next() * end);
  }

  /** Returns true with a probability. */
  chance(probability) {
    return this.#next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** Returns `count` different elements in random order, or all of them. */
  some(list, count) {
    return this.shuffled(list).slice(0, count);
  }

  shuffled(list) {
    const copy = [...list];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  }

  /** Returns a number of many small and few large ones, as sales are. */
  skewed(largest) {
    return Math.floor(largest * this.#next() ** 4);
  }
}
