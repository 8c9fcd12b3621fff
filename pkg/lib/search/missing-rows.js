// Searches in a catalog whose rows are not all in memory: a search says which rows its scores want, they are read
// (rows.js), and the search runs again.
import { throwIfAborted, untilAborted } from "../abort.js";

/** A search runs again so often at most. The second run wants few rows more than the first one did. */
const MAX_ROUNDS = 4;

export class MissingRows {
  #warn;
  /** True if rows could not be read the last time. */
  #isWarned = false;

  /** `warn({ code, message, cause })` is called when rows cannot be read. */
  constructor(warn) {
    this.#warn = warn;
  }

  /**
   * Returns the result of a search. `run()` returns `{ result, catalog, rows }`, `rows` being a RowReader or undefined, and
   * `add(catalog, rows, isFirst)` adds rows to the catalog, the first ones of the search or further ones. Without the rows
   * that it wants, the result has `estimated: true`.
   */
  async search(run, { add, signal }) {
    for (let round = 0; ; round++) {
      const { result, catalog, rows } = run();
      const { missingRows, ...rest } = result;
      if (missingRows === undefined) return rest;
      const found = round < MAX_ROUNDS && rows !== undefined ? await this.#read(rows, missingRows, signal) : undefined;
      if (found === undefined) return { ...rest, estimated: true };
      add(catalog, found, round === 0);
    }
  }

  /** Reads rows; undefined if they cannot be read now. */
  async #read(rows, places, signal) {
    try {
      const found = await untilAborted(rows.read(places, signal), signal);
      this.#isWarned = false;
      return found;
    } catch (error) {
      throwIfAborted(signal);
      if (error?.code !== "FETCH_FAILED") throw error;
      if (!this.#isWarned) this.#warn({ code: "ROWS_UNAVAILABLE", message: `${error.message}; scores are estimates`, cause: error });
      this.#isWarned = true;
      return undefined;
    }
  }
}
