// Errors between threads: a structured clone would lose the code and everything else that is not standard.
import { CoromError } from "../errors.js";

/** Causes of causes; further down nothing is carried. */
const MAX_CAUSE_DEPTH = 4;

/** What was thrown, as plain data. */
export function serializeError(thrown, depth = MAX_CAUSE_DEPTH) {
  if (!(thrown instanceof Error) && typeof thrown?.message !== "string") return { text: String(thrown) };
  const { name, message, code, stack, cause } = thrown;
  return {
    name: String(name),
    message: String(message),
    code: ["string", "number"].includes(typeof code) ? code : undefined,
    stack: typeof stack === "string" ? stack : undefined,
    own: thrown instanceof CoromError,
    cause: cause === undefined || depth === 0 ? undefined : serializeError(cause, depth - 1),
  };
}

/** A CoromError where it was one; else an Error of that name, or the text that was thrown. */
export function deserializeError({ text, name, message, code, stack, own, cause }) {
  if (text !== undefined) return text;
  const options = cause && { cause: deserializeError(cause) };
  if (own) return new CoromError(code, message, options);
  const error = new Error(message, options);
  const rest = { name, stack, ...(code !== undefined && { code }) };
  for (const [key, value] of Object.entries(rest)) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: key === "code" });
  }
  return error;
}
