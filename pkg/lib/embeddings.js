// What `embed` gives: one row-major matrix.
import { describeValue } from "./arguments.js";
import { invalid } from "./errors.js";

export class Embeddings {
  constructor(data, rows, dimension) {
    this.data = data;
    this.rows = rows;
    this.dimension = dimension;
    Object.freeze(this);
  }

  /** Row i, a view into `data`. */
  row(i) {
    if (!Number.isInteger(i) || i < 0 || i >= this.rows) {
      throw invalid(`row(i): there are ${this.rows} rows, counted from 0, and i is ${describeValue(i)}`);
    }
    return this.data.subarray(i * this.dimension, (i + 1) * this.dimension);
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.rows; i++) yield this.row(i);
  }
}
