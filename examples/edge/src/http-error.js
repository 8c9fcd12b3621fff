// The error of a request: status, code, message, and the field that is wrong. Each API has its own format of errors.

export class HttpError extends Error {
  constructor(status, code, message, { param = null, headers = {}, cause } = {}) {
    super(message, { cause });
    Object.assign(this, { status, code, param, headers });
  }
}

/**
 * Converts any thrown value to an HttpError. Errors of the service are logged. The details of internal errors are not
 * sent.
 */
export function toHttpError(error) {
  if (!(error instanceof HttpError) || error.status === 500) console.error(error);
  if (error instanceof HttpError) return error;
  return new HttpError(500, "internal", "internal error");
}

/** Returns the error response of OpenAI's API. */
export function openaiError({ status, code, message, param, headers }) {
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  return Response.json({ error: { message, type, param, code } }, { status, headers });
}

const TYPES = { empty: "Empty", overloaded: "Overloaded", unauthorized: "Unauthorized", unavailable: "Unhealthy" };

/** Returns the error response of text-embeddings-inference. */
export function teiError({ status, code, message, headers }) {
  const type = TYPES[code] ?? (status >= 500 ? "Backend" : "Validation");
  return Response.json({ error: message, error_type: type }, { status, headers });
}
