// Reads texts from a file: one per line, a column of a TSV file, or a field of JSONL records.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { CoromError } from "../errors.js";
import { csvRows } from "./csv.js";
import { linesOf } from "./lines.js";
import { UsageError } from "./usage.js";

const EXTENSIONS = { ".txt": "txt", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl" };
const MAX_NAMES = 12;

/**
 * Returns `{ size, records }`: the size of the file in bytes, if it is known, and an async iterable of
 * `{ number, text, bytes }`. For JSONL output, a record has the whole line in `json`, or the cells of a table with a header
 * in `fields`; `keepsFields` says that they are needed.
 */
export function openRecords(file, { input, column, columns, header, field }, signal, { keepsFields = false } = {}) {
  const format = input ?? EXTENSIONS[path.extname(file).toLowerCase()];
  if (format === undefined) {
    throw new UsageError(unknownFormat(file));
  }
  if (format !== "jsonl" && field !== undefined) throw new UsageError(`--field is for JSONL; ${file} is read as ${format}`);
  if (format !== "tsv" && (column !== undefined || columns !== undefined || header)) {
    throw new UsageError(`--column, --columns and --header are for TSV; ${file} is read as ${format}`);
  }
  const name = file === "-" ? "standard input" : file;
  const found = file === "-" ? undefined : statSync(file, { throwIfNoEntry: false });
  const lines = linesOf(file, signal);
  const records = {
    txt: () => plainLines(lines),
    tsv: () => cells(lines, name, { column, columns, header, keepsFields }),
    jsonl: () => jsonRecords(lines, name, { field: field ?? "text", keepsFields }),
  }[format]();
  return { size: found?.size, records };
}

/**
 * Returns `{ size, rows, isTable }` of a file of whole rows, or of JSONL on standard input, `-`: `rows` yields `{ number, json, bytes }` for JSONL, and
 * `{ number, fields, bytes }` for a table with a header.
 */
export function openRows(file, signal) {
  const extension = path.extname(file).toLowerCase();
  const format = file === "-" ? "jsonl" : extension === ".csv" ? "csv" : EXTENSIONS[extension];
  if (format === undefined) throw new UsageError(unknownFormat(file));
  if (format === "txt") throw new UsageError(`${file}: expected a file of items: .jsonl, .ndjson, .tsv or .csv, or - for JSON records on standard input`);
  const lines = linesOf(file, signal);
  const rows = {
    jsonl: () => jsonLines(lines),
    tsv: () => cells(lines, file, { column: "1", header: true, keepsFields: true }),
    csv: () => csvRecords(lines, file),
  }[format]();
  return { size: statSync(file, { throwIfNoEntry: false })?.size, rows, isTable: format !== "jsonl" };
}

async function* jsonLines(lines) {
  for await (const { number, text, bytes } of lines) if (text.trim() !== "") yield { number, json: text, bytes };
}

/** Yields the rows of a CSV file by the names of its header. */
async function* csvRecords(lines, name) {
  let names;
  for await (const { number, cells: row, bytes } of csvRows(lines, name)) {
    if (names === undefined) {
      names = row;
      checkNames(names, name);
      continue;
    }
    if (row.length !== names.length) throw wrong(name, number, `has ${count(row.length, "column")}, but the header has ${names.length}`);
    yield { number, fields: Object.fromEntries(names.map((key, i) => [key, row[i]])), bytes };
  }
}

function unknownFormat(file) {
  const extension = path.extname(file).toLowerCase();
  if (file !== "-" && extension === "" && !existsSync(file)) return `${file} does not exist`;
  if (extension === ".csv") return `${file}: CSV is read by the native command only; write a .tsv or .jsonl file`;
  if (extension === ".json") return `${file}: a JSON document is not read; write one record per line, as a .jsonl file`;
  return `the format of ${file === "-" ? "standard input" : file} is not known; add --input txt, tsv or jsonl`;
}

/** Throws MISSING_FILE if the file does not exist, before a model is loaded in vain. */
export function assertExists(file) {
  if (file !== "-" && !existsSync(file)) {
    throw new CoromError("MISSING_FILE", `${file} does not exist`);
  }
}

/** Yields batches of records. */
export async function* batchesOf(records, size) {
  let batch = [];
  for await (const record of records) {
    batch.push(record);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* plainLines(lines) {
  for await (const { number, text, bytes } of lines) yield { number, text, bytes };
}

async function* cells(lines, name, { column, columns, header, keepsFields }) {
  let names;
  let index;
  let width; // columns of the first line
  for await (const { number, text, bytes } of lines) {
    const row = columns === undefined ? text.split("\t") : splitAtFirst(text, columns);
    if (index === undefined) {
      width = columns ?? row.length;
      index = columnIndex(row, name, { column, header });
      if (header) {
        names = row;
        if (keepsFields) checkNames(names, name);
        continue;
      }
    }
    if (row.length <= index) throw wrong(name, number, `has ${count(row.length, "column")}, but --column is ${column}`);
    // Otherwise a text with a tab would lose what is after it.
    if (row.length > width) {
      const expected = `the ${names ? "header" : "first line"} has ${width}; a last column with tabs needs --columns ${width}`;
      throw wrong(name, number, `has ${count(row.length, "column")}, but ${expected}`);
    }
    const fields = names && keepsFields ? Object.fromEntries(names.map((key, i) => [key, row[i] ?? ""])) : undefined;
    yield { number, text: row[index], fields, bytes };
  }
}

/** Splits a line at its first tabs, so that the last of `columns` may have tabs. */
function splitAtFirst(line, columns) {
  const row = line.split("\t");
  return row.length <= columns ? row : [...row.slice(0, columns - 1), row.slice(columns - 1).join("\t")];
}

/** Throws a UsageError if two columns have the same name: a record has one field of each name. */
function checkNames(names, file) {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw new UsageError(`the header of ${file} has \`${twice}\` twice; rename one of the columns, or write .npy`);
}

/** Returns the index of the column with the texts. `first` is the first line. */
function columnIndex(first, name, { column, header }) {
  const numbers = `it has ${count(first.length, "column")}`;
  if (column === undefined) {
    if (first.length === 1) return 0;
    throw new UsageError(`${name}: ${numbers}; choose the one with the texts: --column 1 to ${first.length}`);
  }
  const named = header ? first.indexOf(column) : -1;
  if (named >= 0) {
    if (first.indexOf(column, named + 1) < 0) return named;
    throw new UsageError(`--column: the header of ${name} has \`${column}\` twice; choose a column by its number`);
  }
  if (/^[1-9]\d{0,4}$/.test(column)) {
    if (Number(column) <= first.length) return Number(column) - 1;
    throw new UsageError(`--column: got ${column}, but the first line of ${name} has ${count(first.length, "column")}`);
  }
  const next = header ? `the header has ${listed(first)}` : "with --header, a column can be chosen by its name";
  throw new UsageError(`--column: got \`${column}\`; expected a number from 1 on; ${next}`);
}

async function* jsonRecords(lines, name, { field, keepsFields }) {
  for await (const { number, text: line, bytes } of lines) {
    if (line.trim() === "") continue;
    let value;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw wrong(name, number, `is not JSON: ${cause.message}`);
    }
    if (typeof value === "string") {
      yield { number, text: value, bytes };
      continue;
    }
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw wrong(name, number, "is neither an object nor a string");
    }
    const text = Object.hasOwn(value, field) ? value[field] : undefined;
    if (typeof text !== "string") {
      if (text !== undefined) {
        const found = text === null ? "null" : Array.isArray(text) ? "an array" : `a value of type ${typeof text}`;
        throw wrong(name, number, `has ${found} in the field \`${field}\`; expected a text`);
      }
      throw wrong(name, number, `has no field \`${field}\`; its fields are ${listed(Object.keys(value))}: choose one with --field`);
    }
    yield { number, text, json: keepsFields ? line : undefined, bytes };
  }
}

const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const listed = (names) => names.slice(0, MAX_NAMES).join(", ") + (names.length > MAX_NAMES ? ", …" : "");
const wrong = (name, number, what) => new CoromError("INVALID_ARGUMENT", `${name}: line ${number} ${what}`);
