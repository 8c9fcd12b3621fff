// The forms of a vector that calls accept, and the form in which they return one. A vector that JSON or a structured
// clone has copied is accepted too.
import { unexpected } from "./arguments.js";
import { uint8ArrayOf } from "./bytes.js";
import { invalid } from "./errors.js";

const TYPED_VECTORS = ["[object Float32Array]", "[object Float64Array]"];
const tagOf = (value) => Object.prototype.toString.call(value);

/** Makes `JSON.stringify` write a Float32Array as an array of numbers, not as an object. Returns the array. */
export function asVector(numbers) {
  return Object.defineProperty(numbers, "toJSON", { value: toJSON, configurable: true, writable: true });
}

function toJSON() {
  return Array.from(this);
}

/** Returns true for an object whose keys are 0, 1, 2 …: JSON makes that of a typed array. */
function isIndexed(value) {
  if (tagOf(value) !== "[object Object]" || typeof value[0] !== "number") return false;
  return Object.keys(value).every((key, i) => key === String(i));
}

/** Returns true for a value that has the form of a vector; its numbers are not checked. */
export function isVector(value) {
  if (Array.isArray(value)) return typeof value[0] === "number";
  return TYPED_VECTORS.includes(tagOf(value)) || isIndexed(value);
}

/**
 * Returns a vector's numbers as a Float32Array; a Float32Array is returned as it is, without a copy.
 *
 * Numbers that 32-bit floats cannot represent are INVALID_ARGUMENT.
 */
export function toFloat32(value, name) {
  if (ArrayBuffer.isView(value)) uint8ArrayOf(value, name); // rejects numbers that were transferred
  if (tagOf(value) === "[object Float32Array]" && ArrayBuffer.isView(value)) return checkFinite(value, name);
  // A Proxy of a typed array, such as a library for state may make, is none.
  const isProxy = !ArrayBuffer.isView(value) && TYPED_VECTORS.includes(tagOf(value));
  const numbers = isProxy ? Array.from({ length: value.length }, (_, i) => value[i]) : value;
  return checkFinite(new Float32Array(listOfNumbers(numbers, name, "a vector: a Float32Array or an array of numbers")), name);
}

/** Returns numbers as an array or typed array: those of an array, a typed array, or what JSON made of a typed array. */
export function listOfNumbers(value, name, expected) {
  const isTyped = ArrayBuffer.isView(value) && tagOf(value) !== "[object DataView]";
  if (isTyped) return value;
  const list = Array.isArray(value) ? value : isIndexed(value) ? Object.values(value) : undefined;
  if (list === undefined) throw unexpected(name, value, expected);
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] !== "number") throw unexpected(`${name}[${i}]`, list[i], "a number");
  }
  return list;
}

/** A loop, because a callback per number takes 20 times as long. */
function checkFinite(numbers, name) {
  for (let i = 0; i < numbers.length; i++) {
    if (!Number.isFinite(numbers[i])) throw unexpected(`${name}[${i}]`, numbers[i], "a finite 32-bit float");
  }
  return numbers;
}

/** Throws INVALID_ARGUMENT if a vector does not have `dimension` numbers. */
export function checkDimension(length, dimension, name, whose) {
  if (length !== dimension) throw invalid(`${name}: got ${length} numbers; expected ${dimension}, as ${whose} has`);
}
