// `CoromError`, the only error type of this package.

/**
 * All error codes: the codes of the Rust core (src/error.rs), without ABORTED (the signal's reason replaces it), plus
 * UNSUPPORTED_HOST (detected in JavaScript).
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
  "INVALID_CHECKPOINT",
  "UNSUPPORTED_MODEL",
  "UNSUPPORTED_OPERATOR",
  "NEEDS_UNFUSED",
  "UNSUPPORTED_POOLING",
  "POOLING_UNKNOWN",
  "TOKEN_ID_OUT_OF_RANGE",
  "SELF_TEST_FAILED",
  "INVALID_CATALOG",
  "MODEL_MISMATCH",
  "OUT_OF_MEMORY",
  "UNSUPPORTED_HOST",
  "GPU_FAILED",
  "INTERNAL",
];

export class CoromError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }

  // A getter on the prototype, as in built-in errors, makes the stack begin with "CoromError: …".
  get name() {
    return "CoromError";
  }
}

/** Returns a CoromError with the code INVALID_ARGUMENT. */
export function invalid(message, options) {
  return new CoromError("INVALID_ARGUMENT", message, options);
}

/** Returns the message of any thrown value. */
export function messageOf(thrown) {
  if (typeof thrown?.message === "string") return thrown.message;
  try {
    return String(thrown);
  } catch {
    return "an object without text";
  }
}
