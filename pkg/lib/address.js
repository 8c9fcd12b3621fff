// Addresses: as they are requested, and as error messages show them.
import { encodeText } from "./text.js";

/** Names of query parameters that carry a secret: tokens, signatures, keys. */
const SECRET_NAME = /token|secret|sign|^sig$|pass|pwd|auth|credential|api.?key|access.?key|session|jwt/i;

/** Addresses such as data: URLs can have megabytes. */
const MAX_SHOWN_LENGTH = 500;

/**
 * Splits the user name and the password off a URL, because `fetch` rejects a URL that has them. Returns the URL without
 * them, and the headers that carry them.
 */
export function splitCredentials(href) {
  const url = parsed(href);
  if (url === undefined || (url.username === "" && url.password === "")) return { href, headers: undefined };
  const bytes = encodeText(`${decoded(url.username)}:${decoded(url.password)}`);
  url.username = url.password = "";
  return { href: url.href, headers: { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` } };
}

/** Returns an address for messages: without user name and password, and without the values of secret parameters. */
export function shownAddress(href) {
  const url = parsed(href);
  if (url === undefined) return shortened(href.replace(/\/\/[^/?#]*@/, "//"));
  const query = url.search.replace(/([?&])([^=&]*)=[^&]*/g, (pair, separator, name) =>
    SECRET_NAME.test(name) ? `${separator}${name}=…` : pair,
  );
  url.username = url.password = url.search = url.hash = "";
  return shortened(url.href + query);
}

const shortened = (text) => (text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text);

/** Parses an address; returns undefined if it is not valid. */
function parsed(href) {
  try {
    return new URL(href);
  } catch {
    return undefined;
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
