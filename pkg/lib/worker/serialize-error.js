// Serializes errors for messages between threads. A structured clone would lose `code` and other properties that are
// not standard.
import { CoromError } from "../errors.js";

/** Maximum depth of causes that are serialized. */
const MAX_CAUSE_DEPTH = 4;

/** Serializes a thrown value to plain data. */
export function serializeError(thrown, depth = MAX_CAUSE_DEPTH) {
  if (!(thrown instanceof Error) && typeof thrown?.message !== "string") return { text: String(thrown) };
  const { name, message, code, stack, cause } = thrown;
  return {
    name: String(name),
    message: String(message),
    code: ["string", "number"].includes(typeof code) ? code : undefined,
    stack: typeof stack === "string" ? stack : undefined,
    isCoromError: thrown instanceof CoromError,
    cause: cause === undefined || depth === 0 ? undefined : serializeError(cause, depth - 1),
  };
}

/** Deserializes a thrown value: a CoromError, an Error with the same name, or a string. */
export function deserializeError({ text, name, message, code, stack, isCoromError, cause }) {
  if (text !== undefined) return text;
  const options = cause && { cause: deserializeError(cause) };
  if (isCoromError) return new CoromError(code, message, options);
  const error = new Error(message, options);
  const rest = { name, stack, ...(code !== undefined && { code }) };
  for (const [key, value] of Object.entries(rest)) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: key === "code" });
  }
  return error;
}
