// Vectors that stay with the model between calls: the result of `keep`, and what an engine stores of it.
//
// An engine stores them in portions, each under the number of the vectors and the index of the portion's first row. A
// worker may be replaced, so its page keeps the vectors too, and sends a worker each portion that it does not have.
import { MAX_PORTION_ITEMS } from "./portions.js";

const STATE = Symbol("state");
let created = 0;

/** The result of `keep`. It is frozen, so that Vue makes no proxy of it. */
export class KeptVectors {
  /** `engine.keep(id, portions)` returns true if the engine may lose the vectors. */
  constructor(engine, data, rows, dimension) {
    this.rows = rows;
    this.dimension = dimension;
    const state = { id: ++created, engine, rows, dimension, data, isFreed: false };
    if (!engine.keep(state.id, rowPortions(state))) state.data = undefined;
    Object.defineProperty(this, STATE, { value: state });
    Object.freeze(this);
  }

  free() {
    const state = this[STATE];
    if (state.isFreed) return;
    state.isFreed = true;
    state.data = undefined;
    state.engine.release(state.id);
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }
}

/** Returns the state of KeptVectors; undefined for any other value. */
export function keptStateOf(value) {
  return typeof value === "object" && value !== null ? value[STATE] : undefined;
}

/** Yields the portions of kept vectors: `{ at, kept, vectors }`. `vectors` is undefined if only the engine has them. */
export function* rowPortions(state) {
  const { id, rows, dimension } = state;
  for (let at = 0; at < rows; at += MAX_PORTION_ITEMS) {
    const end = Math.min(rows, at + MAX_PORTION_ITEMS);
    yield { at, kept: { id, at }, vectors: state.data?.subarray(at * dimension, end * dimension) };
  }
}

/** The store of an engine: objects of the core, by the number of the vectors and the index of a portion. */
export class KeptPortions {
  #byId = new Map();

  get({ id, at }) {
    return this.#byId.get(id)?.get(at);
  }

  set({ id, at }, stored) {
    if (!this.#byId.has(id)) this.#byId.set(id, new Map());
    this.#byId.get(id).set(at, stored);
  }

  /** Removes all vectors whose number is not in `ids`. Returns the objects that were stored. */
  retain(ids) {
    const removed = [...this.#byId].filter(([id]) => !ids.includes(id));
    for (const [id] of removed) this.#byId.delete(id);
    return removed.flatMap(([, portions]) => [...portions.values()]);
  }

  /** Removes vectors. Returns the objects that were stored. */
  remove(id) {
    return this.retain([...this.#byId.keys()].filter((other) => other !== id));
  }
}
