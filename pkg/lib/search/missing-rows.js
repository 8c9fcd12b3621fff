// Searches in a catalog whose rows are not all in memory: a search says which rows its scores want, they are read
// (rows.js), and the search runs again.
import { throwIfAborted, untilAborted } from "../abort.js";
import { CoromError } from "../errors.js";

/** The most bytes of rows in memory that one search wants. A catalog keeps fewer when another search begins. */
const MAX_BYTES = 64 << 20;
/** A search runs again so often at most: each run may rank other items first, whose rows are read then. Most run twice. */
const MAX_ROUNDS = 32;

export class MissingRows {
  #warn;
  /** The code of the error that the last warning was about; undefined after a search that has read its rows. */
  #warnedOf;

  /** `warn({ code, message, cause })` is called when rows cannot be read. */
  constructor(warn) {
    this.#warn = warn;
  }

  /**
   * Returns the result of a search. `run()` returns `{ result, catalog, rows }`, `rows` being a RowReader or undefined.
   * `makeRoom(catalog, bytes)` drops rows that the last run did not want, and returns the bytes of those that stay;
   * `add(catalog, offset, bytes)` adds rows to the catalog. Without the rows that it wants, the result has `estimated: true`.
   */
  async search(run, { makeRoom, add, signal }) {
    let total = 0;
    for (let round = 0; ; round++) {
      const { result, catalog, rows } = run();
      const { missingRows, ...rest } = result;
      if (missingRows === undefined) {
        if (round > 0) this.#warnedOf = undefined;
        return rest;
      }
      if (rows === undefined) return { ...rest, estimated: true };
      const bytes = missingRows.reduce((sum, [, length]) => sum + length, 0);
      total += bytes;
      // Only for the first rows of a search: those of a later run would push out the ones that the search has just read.
      if (round === 0 && total <= MAX_BYTES) total += makeRoom(catalog, bytes) || 0; // false: another catalog is loaded
      if (total > MAX_BYTES || round === MAX_ROUNDS) {
        this.#unavailable(tooMany(total, round));
        return { ...rest, estimated: true };
      }
      const take = (offset, bytes) => add(catalog, offset, bytes);
      if (!(await this.#read(rows, missingRows, { take, signal }))) return { ...rest, estimated: true };
    }
  }

  /** Reads rows. Returns false if they cannot be read now. */
  async #read(rows, places, { take, signal }) {
    try {
      await untilAborted(rows.read(places, { take, signal }), signal);
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

/** Returns why no more rows are read for a search. */
function tooMany(total, round) {
  const [wanted, most] = [total, MAX_BYTES].map((size) => Math.ceil(size / 2 ** 20));
  const message =
    total > MAX_BYTES ? `this search wants ${wanted} MiB of rows, more than ${most}` : `this search has wanted other rows ${round} times`;
  return new CoromError("OUT_OF_MEMORY", `${message}; ask for fewer hits, or call loadRows`);
}
