// Checks the bearer token. Every request needs it, except /health and the preflight requests of pages.
import { HttpError } from "./http-error.js";
import { misconfigured } from "./settings.js";

/** Matches characters that a token may not contain. */
const KINDS = [
  [/[\r\n]/, "a line break"],
  [/[\t ]/, "white space"],
  [/[\x00-\x7f]/, "a control character"],
  [/./u, "a character outside ASCII"],
];

/** Throws 401 if the request does not have the token, and 500 if no request can have it. */
export async function authorize(request, { TOKEN }) {
  checkToken(TOKEN);
  const [, given = ""] = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  if (await areEqual(given, TOKEN)) return;
  throw new HttpError(401, "unauthorized", "authorization: the bearer token is missing or wrong", {
    headers: { "www-authenticate": "Bearer" },
  });
}

/**
 * Throws `misconfigured` if there is no token, or if a header cannot contain it. The message does not show the token,
 * because it is sent to every client.
 */
function checkToken(token) {
  if (token === undefined || token === "") throw misconfigured("no token is configured; set the secret TOKEN");
  if (typeof token !== "string") throw misconfigured(`TOKEN: got a value of type ${typeof token}; expected a string`);
  const [wrong] = /[^\x21-\x7e]/u.exec(token) ?? [];
  if (wrong === undefined) return;
  const what = KINDS.find(([pattern]) => pattern.test(wrong))[1];
  throw misconfigured(
    `TOKEN: contains ${what}, so no request can match it; expected visible ASCII characters only. Set the secret ` +
      "again, without a line break at its end",
  );
}

/** Compares the hashes of two strings in constant time, so that the time does not reveal the token. */
async function areEqual(a, b) {
  const hash = async (text) => new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const [left, right] = await Promise.all([a, b].map(hash));
  return left.reduce((difference, byte, i) => difference | (byte ^ right[i]), 0) === 0;
}
