// Cross-origin requests of pages: preflight requests, and the headers that let a page of an allowed origin read an answer.

const PREFLIGHT_MAX_AGE_S = 86_400;

/** Answers an OPTIONS request. `methods` are those of its path. A preflight request never has a token. */
export function answerOptions(methods) {
  const allow = [...methods, "OPTIONS"].join(", ");
  return new Response(null, { status: 204, headers: { allow } });
}

/**
 * Returns the response with the CORS headers for the request's origin. `allowed` is the list of origins in the setting
 * CORS_ORIGINS. Without an entry there, the response stays as it is, and pages of other origins cannot read it.
 */
export function withCors(response, request, allowed) {
  if (allowed.length === 0) return response;
  const headers = new Headers(response.headers);
  const isForAll = allowed[0] === "*";
  const origin = request.headers.get("origin");
  if (!isForAll) headers.append("vary", "origin"); // a cache must not answer one origin with another one's headers
  if (isForAll || allowed.includes(origin)) {
    headers.set("access-control-allow-origin", isForAll ? "*" : origin);
    headers.set("access-control-expose-headers", "retry-after, www-authenticate");
    if (request.method === "OPTIONS") {
      headers.set("access-control-allow-methods", headers.get("allow") ?? "");
      headers.set("access-control-allow-headers", "*, authorization"); // `*` does not include authorization
      headers.set("access-control-max-age", String(PREFLIGHT_MAX_AGE_S));
    }
  }
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
