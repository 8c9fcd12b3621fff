// Checks the arguments of public calls. Each check returns the value in the form that the rest of the package uses, or
// throws INVALID_ARGUMENT. The message names the argument, the value found, and what is expected.
import { CoromError, invalid, messageOf } from "./errors.js";

/** The Rust core reads whole numbers as 32-bit unsigned integers. */
const MAX_U32 = 0xffffffff;

/** Describes a value for an error message: `the number 42`, `null`, `an array of 3`. */
export function describeValue(value) {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : `an array of ${value.length}`;
  switch (typeof value) {
    case "string":
      return value.length > 40 ? `a string of ${value.length} characters` : `the string ${JSON.stringify(value)}`;
    case "number":
      return `the number ${value}`;
    case "boolean":
      return `the boolean ${value}`;
    case "bigint":
      return `the bigint ${value}`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    default: {
      const kind = Object.getPrototypeOf(value)?.constructor?.name;
      return !kind || kind === "Object" ? "an object" : `an object of class ${kind}`;
    }
  }
}

/** Calls `read`, which reads an object of the caller. What a getter of the object throws is its error's cause. */
export function readArgument(name, read) {
  try {
    return read();
  } catch (thrown) {
    throw readError(name, thrown);
  }
}

/** Returns the error for what was thrown while an object of the caller was read. */
export function readError(name, thrown) {
  return thrown instanceof CoromError ? thrown : invalid(`${name} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
}

/** Checks a string. */
export function text(value, name) {
  if (typeof value === "string") return value;
  throw unexpected(name, value, "a string");
}

/** Checks a list of strings and returns a copy, because the caller may change the list during the call. */
export function texts(value, name) {
  if (typeof value === "string") throw unexpected(name, value, "an array of strings; pass a single text as [text]");
  if (!Array.isArray(value)) throw unexpected(name, value, "an array of strings");
  const list = Array.prototype.slice.call(value); // faster than Array.from
  const wrong = list.findIndex((item) => typeof item !== "string");
  if (wrong >= 0) throw unexpected(`${name}[${wrong}]`, list[wrong], "a string");
  return list;
}

/** Checks a string or a list of strings and returns a list. */
export function textOrTexts(value, name) {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value)) throw unexpected(name, value, "a string or an array of strings");
  return texts(value, name);
}

/** Returns the INVALID_ARGUMENT error for an argument: where, what was found, what is expected. */
export function unexpected(name, value, expected) {
  return invalid(`${name}: got ${describeValue(value)}; expected ${expected}`);
}

export function optional(value, check) {
  return value === undefined || value === null ? undefined : check(value);
}

export function ofType(value, name, type) {
  if (typeof value === type) return value;
  throw unexpected(name, value, `a ${type}`);
}

export function oneOf(value, name, allowed) {
  if (allowed.includes(value)) return value;
  const list = allowed.map((a) => JSON.stringify(a)).join(", ");
  throw unexpected(name, value, `one of ${list}`);
}

export function wholeNumber(value, name, minimum) {
  if (Number.isInteger(value) && value >= minimum && value <= MAX_U32) return value;
  throw unexpected(name, value, `a whole number from ${minimum} to ${MAX_U32}`);
}

export function checkSignal(value) {
  if (typeof value?.aborted === "boolean" && typeof value.addEventListener === "function") return;
  throw unexpected("signal", value, "an AbortSignal");
}
