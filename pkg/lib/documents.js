// What a query is compared with: texts, or vectors. Both are read in portions, so that only one portion is copied to
// WebAssembly or to a worker at a time.
import { unexpected, texts } from "./arguments.js";
import { Embeddings, isMatrix } from "./embeddings.js";
import { checkDimension, isVector, toFloat32 } from "./vectors.js";

/** The most texts or vectors of a portion. */
const MAX_PORTION_ITEMS = 1024;
/** UTF-16 code units after which a portion of texts ends. */
const MAX_PORTION_CODE_UNITS = 1 << 20;

/**
 * Yields the portions of a list of texts, `{ at, texts }`. `at` is the index of the first text. With `parallel` portions
 * at a time, the portions are small enough for that many.
 */
export function* textPortions(list, parallel = 1) {
  const maxItems = Math.max(1, Math.min(MAX_PORTION_ITEMS, Math.ceil(list.length / parallel)));
  for (let at = 0; at < list.length; ) {
    let end = at;
    for (let units = 0; end < list.length && end - at < maxItems && units < MAX_PORTION_CODE_UNITS; end++) {
      units += list[end].length;
    }
    yield { at, texts: list.slice(at, end) };
    at = end;
  }
}

class TextDocuments {
  constructor(list) {
    this.length = list.length;
    this.list = list;
  }

  portions(parallel) {
    return textPortions(this.list, parallel);
  }

  /** Returns the properties of a result that only texts have. */
  describe(i) {
    return { text: this.list[i] };
  }
}

/** Vectors: `rowsOf(start, end)` returns those of the rows from `start` to `end` as one Float32Array. */
class VectorDocuments {
  #rowsOf;

  constructor(length, rowsOf) {
    this.length = length;
    this.#rowsOf = rowsOf;
  }

  *portions() {
    for (let at = 0; at < this.length; at += MAX_PORTION_ITEMS) {
      const end = Math.min(this.length, at + MAX_PORTION_ITEMS);
      yield { at, count: end - at, vectors: this.#rowsOf(at, end) };
    }
  }

  describe() {
    return {};
  }
}

/**
 * Checks the documents of `score` and `rank`: an array of texts, Embeddings, or an array of vectors, all of the model's
 * dimension.
 */
export function checkDocuments(value, dimension) {
  const expected = "an array of texts, Embeddings, or an array of vectors";
  if (typeof value === "string") throw unexpected("documents", value, "an array of strings; pass a single text as [text]");
  if (isMatrix(value)) {
    const { data, rows, dimension: width } = Embeddings.from(value);
    if (rows > 0) checkDimension(width, dimension, "documents", "the model");
    return new VectorDocuments(rows, (start, end) => data.subarray(start * width, end * width));
  }
  if (!Array.isArray(value)) throw unexpected("documents", value, expected);
  if (!isVector(value[0])) {
    if (typeof value[0] === "number") throw unexpected("documents", value, expected);
    return new TextDocuments(texts(value, "documents"));
  }
  const rows = Array.from(value, (item, i) => {
    const row = toFloat32(item, `documents[${i}]`);
    checkDimension(row.length, dimension, `documents[${i}]`, "the model");
    return row;
  });
  return new VectorDocuments(rows.length, (start, end) => {
    const data = new Float32Array((end - start) * dimension);
    for (let i = start; i < end; i++) data.set(rows[i], (i - start) * dimension);
    return data;
  });
}

/** Checks the query of `score` and `rank`: a text, or a vector of the model's dimension. Returns a text or a copy. */
export function checkQuery(value, dimension) {
  if (typeof value === "string") return { text: value };
  const isRow = isMatrix(value);
  if (!isRow && !isVector(value)) throw unexpected("query", value, "a string or a vector");
  if (isRow && value.rows !== 1) throw unexpected("query", value, `a single vector; these are ${value.rows} rows`);
  const vector = isRow ? Embeddings.from(value).data : toFloat32(value, "query");
  checkDimension(vector.length, dimension, "query", "the model");
  return { vector: vector.slice() };
}
