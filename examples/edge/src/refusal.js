// Why a request gets no vectors: a status, a code, and in which field the fault lies. Each interface has its own shape.

export class Refusal extends Error {
  constructor(status, code, message, { param = null, headers = {}, cause } = {}) {
    super(message, { cause });
    Object.assign(this, { status, code, param, headers });
  }
}

/** Anything thrown, as a Refusal. What went wrong inside is logged, and not told. */
export function refusalOf(error) {
  if (error instanceof Refusal) return error;
  console.error(error);
  return new Refusal(500, "internal", "the model could not answer");
}

/** As OpenAI reports errors. */
export function openaiError({ status, code, message, param, headers }) {
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  return Response.json({ error: { message, type, param, code } }, { status, headers });
}

const TYPES = { empty: "Empty", overloaded: "Overloaded", unauthorized: "Unauthorized", unavailable: "Unhealthy" };

/** As text-embeddings-inference reports errors. */
export function teiError({ status, code, message, headers }) {
  const type = TYPES[code] ?? (status >= 500 ? "Backend" : "Validation");
  return Response.json({ error: message, error_type: type }, { status, headers });
}
