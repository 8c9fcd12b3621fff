// Writes vectors to a file that appears complete or not at all: an array of NumPy, or JSONL.
import fs from "node:fs";
import path from "node:path";
import { CoromError, messageOf } from "../errors.js";
import { withField } from "./json-line.js";
import { UsageError } from "./usage.js";

/** The header of a .npy file has a fixed size, because it is written again at the end, with the number of rows. */
const NPY_HEADER_BYTES = 128;
/** Digits that a 32-bit float needs to be read back exactly. */
const FLOAT_DIGITS = 9;

/** Opens the file to write. `-` is JSONL to standard output. */
export function openVectors(file, force) {
  if (file === "-") return new JsonLines({ write: writeToStdout, commit() {}, discard() {} });
  const extension = path.extname(file).toLowerCase();
  if (extension === ".npy") return new NpyFile(new NewFile(file, force));
  if (extension === ".jsonl" || extension === ".ndjson") return new JsonLines(new NewFile(file, force));
  throw new UsageError(`OUT: ${file} ends neither in .npy nor in .jsonl`);
}

class NpyFile {
  #file;
  #rows = 0;
  #dimension;

  constructor(file) {
    this.#file = file;
  }

  /** Appends vectors, `[records, dimension]`. */
  async write(records, { data, dimension }) {
    if (this.#dimension === undefined) await this.begin(dimension);
    await this.#file.write(littleEndian(data));
    this.#rows += records.length;
  }

  /** Sets the dimension. A file without texts has it too. */
  async begin(dimension) {
    if (this.#dimension !== undefined) return;
    this.#dimension = dimension;
    await this.#file.write(Buffer.alloc(NPY_HEADER_BYTES));
  }

  async commit() {
    const shape = `(${this.#rows}, ${this.#dimension})`;
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(NPY_HEADER_BYTES - 11);
    const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${text}\n`, "latin1");
    header.writeUInt16LE(NPY_HEADER_BYTES - 10, 8);
    await this.#file.write(header, 0);
    await this.#file.commit();
  }

  discard() {
    this.#file.discard();
  }
}

class JsonLines {
  #file;

  constructor(file) {
    this.#file = file;
  }

  async begin() {}

  /** Appends a line per record: the record as it was read, or its fields, or its text; and the vector as `embedding`. */
  async write(records, { data, dimension }) {
    const lines = records.map(({ text, fields, json }, i) => {
      const embedding = Array.from(data.subarray(i * dimension, (i + 1) * dimension), shortest);
      if (json !== undefined) return withField(json, "embedding", JSON.stringify(embedding));
      return JSON.stringify({ ...(fields ?? { text }), embedding });
    });
    await this.#file.write(Buffer.from(`${lines.join("\n")}\n`));
  }

  async commit() {
    await this.#file.commit();
  }

  discard() {
    this.#file.discard();
  }
}

/** Returns a 32-bit float as a number with few digits, which reads back as the same float. */
const shortest = (x) => Number(x.toPrecision(FLOAT_DIGITS));

/** A file that is written beside its destination and renamed at the end. */
class NewFile {
  #target;
  #path;
  #descriptor;

  constructor(target, force) {
    const existing = fs.lstatSync(target, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw new CoromError("INVALID_ARGUMENT", `${target} is a folder; expected the name of a file`);
    if (existing && !force) throw new CoromError("INVALID_ARGUMENT", `${target} exists already; --force replaces it`);
    this.#target = target;
    this.#path = path.join(path.dirname(target), `.${path.basename(target)}.corom-${process.pid}`);
    this.#attempt(() => (this.#descriptor = fs.openSync(this.#path, "w")));
  }

  async write(bytes, position = null) {
    this.#attempt(() => {
      for (let at = 0; at < bytes.length; ) {
        at += fs.writeSync(this.#descriptor, bytes, at, bytes.length - at, position === null ? null : position + at);
      }
    });
  }

  async commit() {
    this.#attempt(() => {
      this.#close();
      fs.renameSync(this.#path, this.#target);
    });
  }

  discard() {
    this.#close();
    fs.rmSync(this.#path, { force: true });
  }

  #close() {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #attempt(work) {
    try {
      work();
    } catch (cause) {
      throw new CoromError("FETCH_FAILED", `${this.#target} cannot be written: ${messageOf(cause)}`, { cause });
    }
  }
}

/** Resolves when the bytes are written. If that fails, the program ends (main.js). */
function writeToStdout(bytes) {
  return new Promise((resolve) => process.stdout.write(bytes, (error) => error ?? resolve()));
}

/** Returns the bytes of floats in the order that `<f4` means. */
function littleEndian(data) {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? bytes : Buffer.from(bytes).swap32();
}
