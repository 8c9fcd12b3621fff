// One HTTP GET: the answer, and a body as bytes, with the errors told apart.
import { throwIfAborted, untilAborted } from "./abort.js";
import { describeValue } from "./arguments.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { markUnanswered } from "./transient.js";

/** The Response to a GET, whatever its status. `how`: `{ fetch, headers, cache }`, the last as fetch has it. */
export async function request(url, signal, { fetch = defaultFetch, ...init } = {}) {
  if (!hasHttpCache()) delete init.cache;
  let response;
  try {
    response = await untilAborted(Promise.resolve(fetch(url, { ...init, signal })), signal);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof CoromError) throw cause; // the caller's fetch has said its word
    throw markUnanswered(new CoromError("FETCH_FAILED", `${url} could not be fetched: ${reasonOf(cause)}`, { cause }));
  }
  if (typeof response?.status === "number" && typeof response.headers?.get === "function") return response;
  throw invalid(`fetch must give a Response, not ${describeValue(response)}`);
}

/** Only browsers ask another origin's server first whether it takes a header. */
export const hasPreflights = () => isBrowser();

const defaultFetch = (url, init) => fetch(url, init);

/** Only browsers have one. Some other hosts refuse the option. */
const hasHttpCache = () => isBrowser();

const isBrowser = () => typeof globalThis.isSecureContext === "boolean";

/** The body of a Response as one Uint8Array; `name` is for messages. */
export async function readBody(response, { name = response.url } = {}) {
  const length = contentLength(response);
  let bytes;
  try {
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `${name} broke off: ${reasonOf(cause)}`, { cause });
  }
  if (length !== undefined && bytes.length < length) {
    throw new CoromError("FETCH_FAILED", `${name} broke off after ${bytes.length} of ${length} bytes`);
  }
  return bytes;
}

export function isEncoded(response) {
  const encoding = response.headers.get("content-encoding");
  return encoding !== null && encoding !== "" && encoding !== "identity";
}

/** The body's length in bytes, unless the server sends it compressed. */
export function contentLength(response) {
  if (isEncoded(response)) return undefined;
  const length = response.headers.get("content-length");
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Node hides the reason ("connect ECONNREFUSED …") in the cause of "fetch failed". */
export function reasonOf(error) {
  const beneath = error?.cause;
  return beneath ? `${messageOf(error)} (${messageOf(beneath)})` : messageOf(error);
}
