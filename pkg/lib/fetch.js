// One HTTP GET. Errors of the network, of the caller's `fetch` and of the signal are distinguished.
import { throwIfAborted, untilAborted } from "./abort.js";
import { shownAddress, splitCredentials } from "./address.js";
import { unexpected } from "./arguments.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { markUnanswered } from "./transient.js";

/**
 * Sends a GET and returns the Response, whatever its status. `fetch` is the caller's function; `headers` and `cache`
 * are options of `fetch`.
 */
export async function request(url, signal, { fetch = defaultFetch, ...init } = {}) {
  if (!hasHttpCache()) delete init.cache;
  const { href, headers } = splitCredentials(url);
  if (headers) init.headers = { ...headers, ...init.headers };
  let response;
  try {
    response = await untilAborted(Promise.resolve(fetch(href, { ...init, signal })), signal);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof CoromError) throw cause; // thrown by the caller's fetch on purpose
    const message = `${shownAddress(url)}: the request failed: ${reasonOf(cause)}`;
    throw markUnanswered(new CoromError("FETCH_FAILED", message, { cause }));
  }
  return checkedResponse(response, url);
}

/** Checks what a caller's `fetch` returned for `url`, and returns it. */
export function checkedResponse(response, url) {
  if (typeof response?.status !== "number" || typeof response.headers?.get !== "function") {
    throw unexpected("result of fetch", response, "a Response");
  }
  if (response.bodyUsed !== true && response.body?.locked !== true) return response;
  throw invalid(
    `result of fetch: the body of the Response for ${shownAddress(url)} was read before; return a new Response, or a ` +
      "clone() that was made before",
  );
}

/** Returns whether the host sends CORS preflights. Only browsers do. */
export const hasPreflights = () => isBrowser();

const defaultFetch = (url, init) => fetch(url, init);

/** Returns whether `fetch` accepts the option `cache`. Some hosts other than browsers reject it. */
const hasHttpCache = () => isBrowser();

const isBrowser = () => typeof globalThis.isSecureContext === "boolean";

/** Returns whether the server compressed the body. */
export function isEncoded(response) {
  const encoding = response.headers.get("content-encoding");
  return encoding !== null && encoding !== "" && encoding !== "identity";
}

/** Returns the length of the body in bytes; undefined if it is unknown or the body is compressed. */
export function contentLength(response) {
  if (isEncoded(response)) return undefined;
  const length = response.headers.get("content-length");
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Returns the message of an error and of its cause: in Node, "fetch failed (connect ECONNREFUSED …)". */
export function reasonOf(error) {
  const cause = error?.cause;
  return cause ? `${messageOf(error)} (${messageOf(cause)})` : messageOf(error);
}
