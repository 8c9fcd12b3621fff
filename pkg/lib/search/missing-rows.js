// Searches in a catalog whose rows are not all in memory: a search says which rows its scores want, they are read
// (rows.js), and the search runs again.
import { throwIfAborted, untilAborted } from "../abort.js";
import { CoromError } from "../errors.js";

/** The most bytes of rows that are read for one search. A catalog keeps fewer when the next search begins. */
const MAX_BYTES = 64 << 20;
/** A search runs again so often at most. The second run wants few rows more than the first one did. */
const MAX_ROUNDS = 4;

export class MissingRows {
  #warn;
  /** The code of the error because of which rows could not be read the last time. */
  #warnedOf;

  /** `warn({ code, message, cause })` is called when rows cannot be read. */
  constructor(warn) {
    this.#warn = warn;
  }

  /**
   * Returns the result of a search. `run()` returns `{ result, catalog, rows }`, `rows` being a RowReader or undefined.
   * `makeRoom(catalog, bytes)` drops rows of earlier searches, and `add(catalog, offset, bytes)` adds rows to the catalog.
   * Without the rows that it wants, the result has `estimated: true`.
   */
  async search(run, { makeRoom, add, signal }) {
    let total = 0;
    for (let round = 0; ; round++) {
      const { result, catalog, rows } = run();
      const { missingRows, ...rest } = result;
      if (missingRows === undefined) return rest;
      if (rows === undefined || round === MAX_ROUNDS) return { ...rest, estimated: true };
      const bytes = missingRows.reduce((sum, [, length]) => sum + length, 0);
      total += bytes;
      if (total > MAX_BYTES) {
        const [wanted, most] = [total, MAX_BYTES].map((size) => Math.ceil(size / 2 ** 20));
        const message = `this search wants ${wanted} MiB of rows, more than ${most}; ask for fewer hits, or call loadRows`;
        this.#unavailable(new CoromError("OUT_OF_MEMORY", message));
        return { ...rest, estimated: true };
      }
      // Only for the first rows of a search: those of a later run would push out the ones that the search has just read.
      if (round === 0) makeRoom(catalog, bytes);
      const take = (offset, bytes) => add(catalog, offset, bytes);
      if (!(await this.#read(rows, missingRows, { take, signal }))) return { ...rest, estimated: true };
    }
  }

  /** Reads rows. Returns false if they cannot be read now. */
  async #read(rows, places, { take, signal }) {
    try {
      await untilAborted(rows.read(places, { take, signal }), signal);
      this.#warnedOf = undefined;
      return true;
    } catch (error) {
      throwIfAborted(signal);
      if (error?.code !== "FETCH_FAILED") throw error;
      this.#unavailable(error);
      return false;
    }
  }

  #unavailable(error) {
    if (this.#warnedOf !== error.code) this.#warn({ code: "ROWS_UNAVAILABLE", message: `${error.message}; scores are estimates`, cause: error });
    this.#warnedOf = error.code;
  }
}
