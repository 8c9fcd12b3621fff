// Documents that a query is compared with: texts, or vectors, in portions (portions.js).
import { unexpected, texts } from "./arguments.js";
import { Embeddings, isMatrix } from "./embeddings.js";
import { invalid } from "./errors.js";
import { keptStateOf, rowPortions } from "./kept-vectors.js";
import { MAX_PORTION_ITEMS, textPortions } from "./portions.js";
import { checkDimension, isVector, toFloat32 } from "./vectors.js";

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

class KeptDocuments {
  #state;

  constructor(state) {
    this.length = state.rows;
    this.#state = state;
  }

  portions() {
    return rowPortions(this.#state);
  }

  describe() {
    return {};
  }
}

export const keptFreedError = () => invalid("documents: these kept vectors were freed");

/**
 * Checks the documents of `score` and `rank`: an array of texts; Embeddings, an array of them, or an array of vectors,
 * all of the model's dimension; or vectors that `engine` keeps.
 */
export function checkDocuments(value, dimension, engine) {
  const kept = keptStateOf(value);
  if (kept?.isFreed) throw keptFreedError();
  if (kept && kept.engine !== engine) throw invalid("documents: another instance keeps these vectors; expected this one");
  if (kept) return new KeptDocuments(kept);
  const expected = "an array of texts, Embeddings, an array of vectors, or the result of keep";
  if (typeof value === "string") throw unexpected("documents", value, adviceOfText(value));
  if (isMatrix(value) || (Array.isArray(value) && isMatrix(value[0]))) {
    const { data, rows, dimension: width } = Embeddings.from(value);
    if (rows > 0) checkDimension(width, dimension, "documents", "the model");
    return new VectorDocuments(rows, (start, end) => data.subarray(start * width, end * width));
  }
  if (!Array.isArray(value)) throw unexpected("documents", value, adviceOf(value) ?? expected);
  if (!isVector(value[0])) {
    if (typeof value[0] === "number") throw unexpected("documents", value, expected);
    if (value.length > 0 && typeof value[0] !== "string") {
      throw unexpected("documents[0]", value[0], "a string or a vector");
    }
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

const adviceOfText = (text) =>
  text.startsWith('{"') ? "Embeddings.from(text), if the text is JSON of Embeddings" : "an array of strings; pass a single text as [text]";

/** Returns what to pass instead of what calls of this package return, or undefined for another value. */
function adviceOf(value) {
  if (typeof value?.[Symbol.asyncIterator] === "function") {
    return "an array: embed of an iterable returns an async iterator, which `for await` reads in batches";
  }
  if (ArrayBuffer.isView(value)) return "Embeddings, or Embeddings.from({ data, rows, dimension }): these numbers have no rows";
  return undefined;
}

/** Throws INVALID_ARGUMENT if a score is no number that can be compared. `at` is the index of the first document. */
export function checkScores(scores, at) {
  for (let i = 0; i < scores.length; i++) {
    if (Number.isFinite(scores[i])) continue;
    const reason = "the query or this document has numbers that are not finite, or too large for 32-bit floats";
    throw invalid(`documents[${at + i}]: the score is ${scores[i]}: ${reason}`);
  }
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
