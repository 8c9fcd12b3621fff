// Checks the bearer token. Every request except /health needs it.
import { HttpError } from "./http-error.js";
import { misconfigured } from "./settings.js";

/** Throws 401 if the request does not have the token, and 500 if no token is configured. */
export async function authorize(request, { TOKEN }) {
  if (!TOKEN) throw misconfigured("no token is configured; set the secret TOKEN");
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  if (await areEqual(given, TOKEN)) return;
  throw new HttpError(401, "unauthorized", "authorization: the bearer token is missing or wrong", {
    headers: { "www-authenticate": "Bearer" },
  });
}

/** Compares the hashes of two strings in constant time, so that the time does not reveal the token. */
async function areEqual(a, b) {
  const hash = async (text) => new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const [left, right] = await Promise.all([a, b].map(hash));
  return left.reduce((difference, byte, i) => difference | (byte ^ right[i]), 0) === 0;
}
