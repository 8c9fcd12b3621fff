// The class `Embeddings`: a row-major matrix `[rows, dimension]` of vectors, and what the tokenizer made of each text if
// the vectors were computed from texts. See types/embeddings.d.ts.
import { readOptions } from "./option-names.js";
import { readArgument, unexpected, wholeNumber } from "./arguments.js";
import { uint8ArrayOf } from "./bytes.js";
import { invalid, messageOf } from "./errors.js";
import { asVector, checkDimension, isVector, listOfNumbers, toFloat32 } from "./vectors.js";

/** The properties that report on each text. */
const REPORT = ["tokens", "truncated", "unknown"];
const FORMS = "bytes, a Float32Array, an array of vectors, or what JSON or a structured clone made of Embeddings";

export class Embeddings {
  /**
   * `data` has `rows × dimension` numbers. `report`, if there is one, has a number per row in each of `tokens`,
   * `truncated` (0 or 1) and `unknown`.
   */
  constructor(data, rows, dimension, report) {
    if (data?.length !== rows * dimension) throw invalid("Embeddings has no public constructor; use Embeddings.from(value)");
    this.data = data;
    this.rows = rows;
    this.dimension = dimension;
    if (report) {
      this.tokens = report.tokens;
      this.truncated = Array.from(report.truncated, Boolean);
      this.unknown = report.unknown;
    }
    Object.freeze(this);
  }

  static from(value, options) {
    const given = readOptions(options, ["dimension"], { call: "Embeddings.from" });
    const dimension = given.dimension === undefined ? undefined : wholeNumber(given.dimension, "dimension", 1);
    const embeddings = readArgument("value", () => {
      return parse(typeof value === "string" ? parseJson(value) : value, dimension, "value");
    });
    if (dimension !== undefined && embeddings.rows > 0) {
      checkDimension(embeddings.dimension, dimension, "value", "the option dimension");
    }
    return embeddings;
  }

  row(i) {
    if (!Number.isInteger(i) || i < 0 || i >= this.rows) {
      const some = `a whole number from 0 to ${this.rows - 1} (there are ${this.rows} rows)`;
      throw unexpected("row(i)", i, this.rows === 0 ? "no call, because there are no rows" : some);
    }
    return asVector(this.data.subarray(i * this.dimension, (i + 1) * this.dimension));
  }

  toArray() {
    return Array.from(this, (row) => Array.from(row));
  }

  toJSON() {
    const { data, rows, dimension, tokens, truncated, unknown } = this;
    const matrix = { rows, dimension, data: Array.from(data) };
    return tokens ? { ...matrix, tokens: Array.from(tokens), truncated, unknown: Array.from(unknown) } : matrix;
  }

  /** Yields copies: a row that is stored on its own would otherwise be stored with the buffer of all rows. */
  *[Symbol.iterator]() {
    for (let i = 0; i < this.rows; i++) yield asVector(this.row(i).slice());
  }
}

/** Returns true for Embeddings, also those of another realm, and for what JSON or a structured clone made of them. */
export function isMatrix(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "rows" in value && "data" in value;
}

function parseJson(text) {
  try {
    return JSON.parse(text.replace(/^\ufeff/, "")); // some editors write a byte order mark
  } catch (cause) {
    throw invalid(`value: the text is not JSON: ${messageOf(cause)}`, { cause });
  }
}

/** Reads any accepted form. `dimension` is needed where the form has no rows of its own. */
function parse(value, dimension, name) {
  if (value instanceof Embeddings) return checked(value, name);
  if (isMatrix(value)) return parseMatrix(value, name);
  const bytes = bytesOf(value);
  if (bytes) return parseFlat(floatsOf(bytes, name), dimension, name, "bytes");
  if (isVector(value)) {
    const data = toFloat32(value, name);
    return parseFlat(data, dimension ?? data.length, name);
  }
  if (!Array.isArray(value)) throw unexpected(name, value, FORMS);
  return join(Array.from(value, (item, i) => parseItem(item, `${name}[${i}]`)), dimension, name);
}

/** Returns Embeddings as they are, unless their numbers were transferred. */
function checked(embeddings, name) {
  uint8ArrayOf(embeddings.data, `${name}.data`);
  return embeddings;
}

function parseItem(item, name) {
  if (item instanceof Embeddings) return checked(item, name);
  if (isMatrix(item)) return parseMatrix(item, name);
  const data = toFloat32(item, name);
  return new Embeddings(data, 1, data.length);
}

/** Returns the bytes of a buffer or of a view of bytes; undefined for any other value. */
function bytesOf(value) {
  const tag = Object.prototype.toString.call(value);
  if (["[object ArrayBuffer]", "[object SharedArrayBuffer]"].includes(tag)) return new Uint8Array(value);
  if (!["[object Uint8Array]", "[object DataView]"].includes(tag)) return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function floatsOf(bytes, name) {
  if (bytes.length % 4 !== 0) {
    throw invalid(`${name}: got ${bytes.length} bytes; expected 32-bit floats: a multiple of 4 bytes`);
  }
  return toFloat32(new Float32Array(bytes.slice().buffer), name); // a copy, because bytes may begin at any address
}

function parseFlat(data, dimension, name, what) {
  if (dimension === undefined) {
    throw invalid(`${name}: ${what} do not say how long a vector is; pass { dimension: corom.info.dimension }`);
  }
  if (data.length % (dimension || 1) !== 0) {
    throw invalid(`${name}: got ${data.length} numbers; expected a multiple of the dimension, ${dimension}`);
  }
  return new Embeddings(data, dimension === 0 ? 0 : data.length / dimension, dimension);
}

function parseMatrix(value, name) {
  const rows = wholeNumber(value.rows, `${name}.rows`, 0);
  const dimension = wholeNumber(value.dimension, `${name}.dimension`, 0);
  const given = value.data;
  const isEmpty = rows * dimension === 0 && Object.keys(given ?? {}).length === 0; // JSON makes {} of no numbers
  const data = isEmpty ? new Float32Array(0) : toFloat32(given, `${name}.data`);
  if (data.length !== rows * dimension) {
    throw invalid(`${name}.data: got ${data.length} numbers; expected ${rows} rows of ${dimension}`);
  }
  return new Embeddings(data, rows, dimension, parseReport(value, rows, name));
}

/** Reads the report per text, if there is one. */
function parseReport(value, rows, name) {
  if (REPORT.every((field) => value[field] == null)) return undefined;
  const lists = REPORT.map((field) => {
    if (rows === 0) return [];
    const parseList = field === "truncated" ? parseFlags : parseCounts;
    return parseList(value[field], `${name}.${field}`, rows);
  });
  return { tokens: Uint32Array.from(lists[0]), truncated: lists[1], unknown: Uint32Array.from(lists[2]) };
}

/** Reads whole numbers, one per row. */
function parseCounts(value, name, rows) {
  const numbers = checkCount(listOfNumbers(value, name, "one number per row"), rows, name);
  numbers.forEach((number, i) => wholeNumber(number, `${name}[${i}]`, 0));
  return numbers;
}

/** Reads booleans, one per row, or the numbers 0 and 1. */
function parseFlags(value, name, rows) {
  const flags = checkCount(Array.isArray(value) ? value : listOfNumbers(value, name, "one boolean per row"), rows, name);
  const wrong = Array.from(flags).findIndex((flag) => typeof flag !== "boolean" && flag !== 0 && flag !== 1);
  if (wrong >= 0) throw unexpected(`${name}[${wrong}]`, flags[wrong], "a boolean");
  return flags;
}

function checkCount(values, rows, name) {
  if (values.length !== rows) throw invalid(`${name}: got ${values.length} values; expected one per row, ${rows}`);
  return values;
}

/** Joins matrices of the same dimension, one below the other. The report is kept if every part has one. */
function join(parts, dimension, name) {
  const first = parts.find((part) => part.rows > 0);
  const width = first?.dimension ?? dimension ?? 0;
  parts.forEach((part, i) => {
    if (part.rows > 0) checkDimension(part.dimension, width, `${name}[${i}]`, `${name}[${parts.indexOf(first)}]`);
  });
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = new Float32Array(rows * width);
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const hasReport = parts.length > 0 && parts.every((part) => part.tokens);
  const all = (field) => parts.flatMap((part) => Array.from(part[field]));
  const report = hasReport && {
    tokens: Uint32Array.from(all("tokens")),
    truncated: all("truncated"),
    unknown: Uint32Array.from(all("unknown")),
  };
  return new Embeddings(data, rows, width, report || undefined);
}
