// What a query is compared with: texts, or vectors. Both are read in portions, so that only one portion is copied to
// WebAssembly or to a worker at a time.
import { unexpected, texts } from "./arguments.js";
import { Embeddings, isMatrix } from "./embeddings.js";
import { CoromError } from "./errors.js";
import { checkDimension, isVector, toFloat32 } from "./vectors.js";

/** The most texts or vectors of a portion. */
const MAX_PORTION_ITEMS = 1024;
/** The fewest texts of a portion for several workers: a message takes less time than their vectors. */
const MIN_PORTION_TEXTS = 16;
/** The size of a longer text: the rest of it is cut off. */
const MAX_TEXT_SIZE = 512;
/** UTF-16 code units after which a portion of texts ends. */
const MAX_PORTION_CODE_UNITS = 1 << 20;

/**
 * Yields the portions of a list of texts, `{ at, texts }`. `at` is the index of the first text.
 *
 * For several workers, a portion is half of what would be each worker's part of the rest. So portions are large at the
 * beginning, and small at the end, where a worker would wait for the last one. The size of a text is its length and that
 * of `[CLS]` and `[SEP]`.
 */
export function* textPortions(list, workers = 1) {
  const sizeOf = (text) => Math.min(text.length, MAX_TEXT_SIZE) + 2;
  let rest = workers === 1 ? 0 : list.reduce((sum, text) => sum + sizeOf(text), 0);
  for (let at = 0; at < list.length; ) {
    const limit = workers === 1 ? Infinity : rest / (2 * workers);
    let end = at;
    let size = 0;
    for (let units = 0; end < list.length && end - at < MAX_PORTION_ITEMS && units < MAX_PORTION_CODE_UNITS; end++) {
      if (size >= limit && end - at >= MIN_PORTION_TEXTS) break;
      units += list[end].length;
      size += sizeOf(list[end]);
    }
    rest -= size;
    yield { at, texts: list.slice(at, end) };
    at = end;
  }
}

/**
 * Returns the error of a portion that begins at text `at`, with the index that the text has in the whole list: the core
 * counts the texts of a portion.
 */
export function errorOfPortion(error, at) {
  const [found, index] = /^text (\d+): /.exec(error instanceof CoromError ? error.message : "") ?? [];
  if (found === undefined || at === 0) return error;
  const { code, message, cause } = error;
  return new CoromError(code, `text ${Number(index) + at}: ${message.slice(found.length)}`, { cause });
}

class TextDocuments {
  constructor(list) {
    this.length = list.length;
    this.list = list;
  }

  portions(workers) {
    return textPortions(this.list, workers);
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
