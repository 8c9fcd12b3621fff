// The result of `embed`: a row-major matrix `[rows, dimension]`, and what the tokenizer made of each text.
import { unexpected } from "./arguments.js";

export class Embeddings {
  /** `report` has a number per row in each of `tokens`, `truncated` (0 or 1) and `unknown`. */
  constructor(data, rows, dimension, report) {
    this.data = data;
    this.rows = rows;
    this.dimension = dimension;
    this.tokens = report.tokens;
    this.truncated = Array.from(report.truncated, Boolean);
    this.unknown = report.unknown;
    Object.freeze(this);
  }

  /** Returns row `i` as a view into `data`. */
  row(i) {
    if (!Number.isInteger(i) || i < 0 || i >= this.rows) {
      throw unexpected("row(i)", i, `a whole number from 0 to ${this.rows - 1} (there are ${this.rows} rows)`);
    }
    return this.data.subarray(i * this.dimension, (i + 1) * this.dimension);
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.rows; i++) yield this.row(i);
  }
}
