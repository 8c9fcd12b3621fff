// The one error type that callers see.

/**
 * Every code. They are those of the Rust core (src/error.rs), less those that only its native command
 * has or that an AbortSignal's own reason replaces, plus UNSUPPORTED_HOST for what only JavaScript can find.
 */
export const CODES = [
  "INVALID_ARGUMENT",
  "FREED",
  "FETCH_FAILED",
  "MISSING_FILE",
  "NOT_A_MODEL",
  "INTEGRITY_MISMATCH",
  "UNSUPPORTED_FORMAT",
  "INVALID_CONFIG",
  "INVALID_TOKENIZER",
  "TOKENIZER_MISMATCH",
  "INVALID_MODEL",
  "UNSUPPORTED_MODEL",
  "UNSUPPORTED_OPERATOR",
  "UNSUPPORTED_POOLING",
  "TOKEN_ID_OUT_OF_RANGE",
  "SELF_TEST_FAILED",
  "OUT_OF_MEMORY",
  "UNSUPPORTED_HOST",
  "INTERNAL",
];

export class CoromError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }

  // On the prototype, as the built-in errors have it: the stack then says "CoromError: …".
  get name() {
    return "CoromError";
  }
}

/** Shorthand for the code that wrong arguments get. */
export function invalid(message, options) {
  return new CoromError("INVALID_ARGUMENT", message, options);
}

/** The message of anything that was thrown. */
export function messageOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
