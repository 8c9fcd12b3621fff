// Fetches a file by HTTP, from any byte on.
import { childController, throwIfAborted, untilAborted } from "./abort.js";
import { shownAddress } from "./address.js";
import { describeValue } from "./arguments.js";
import { isBytes, uint8ArrayOf, unshared } from "./bytes.js";
import { CoromError } from "./errors.js";
import { contentLength, isEncoded, reasonOf, request } from "./fetch.js";
import { isTransientStatus, retryAfterMs, markTransient } from "./transient.js";

/** Dates of Last-Modified up to this one do not tell versions apart. */
const MAX_FIXED_DATE_MS = Date.UTC(2000, 0, 3);

/**
 * Requests a file from byte `from` on, up to byte `to` if that is given. Returns null if the server does not have the file. Otherwise returns
 *   offset     byte at which the response begins: 0 if the server ignores ranges or has another version of the file,
 *              NaN if the response cannot continue the file
 *   total      size of the file in bytes, if the server sends it
 *   etag       ETag with which the download can continue, if there is one
 *   version    text that is the same for the same version of the file, if the server sends a validator
 *   url        the URL that was requested
 *   isEncoded  whether the body is compressed
 *   isPartial  whether the status is 206; the response may be shorter than requested
 *   chunks     the body, to be iterated once
 *   cancel()   ends the request
 *
 * Options: `etag` is the ETag of the bytes before `from`; `sendsIfRange` is whether to send it; `cache` is the option
 * of fetch; `required` is whether every model has the file; `stallTimeoutMs` limits the time without a byte.
 */
export async function openHttpFile(url, options) {
  const { from = 0, to, etag, sendsIfRange = true, cache, fetch, required, stallTimeoutMs, signal } = options;
  const { controller, release } = childController(signal);
  const stallTimer = new StallTimer(stallTimeoutMs, controller, url);
  const close = (error) => {
    stallTimer.stop();
    release();
    controller.abort(error);
  };
  try {
    const response = await stallTimer.race(
      requestFile(url, { headers: rangeOf({ from, to, etag: sendsIfRange ? etag : undefined }), cache, fetch, required }, controller),
    );
    if (response !== null && response.status !== 416) return fileFrom(response, { from, etag, url, stallTimer, close });
    if (response !== null) discard(response);
    close();
    // Status 416: `from` is past the end, so the server now has another version. Fetch that version from byte 0.
    return response && openHttpFile(url, { cache, fetch, required, stallTimeoutMs, signal });
  } catch (error) {
    throwIfAborted(signal);
    close(error);
    throw error;
  }
}

/** Returns the headers of a request for the bytes from `from` to before `to`; without `to`, for all from there on. */
function rangeOf({ from, to, etag }) {
  if (from === 0 && to === undefined) return {};
  const range = `bytes=${from}-${to === undefined ? "" : to - 1}`;
  return { range, ...(from > 0 && etag !== undefined && { "if-range": etag }) };
}

/** Returns the Response, or null if the server does not have the file. Throws for any other status. */
async function requestFile(url, { required, ...how }, { signal }) {
  const response = await request(url, signal, how);
  const { status } = response;
  if ((status >= 200 && status < 300) || (status === 416 && how.headers.range)) return response;
  discard(response);
  // S3-compatible storage sends 403 for a missing file. A folder that is really forbidden is detected by the files that
  // every model has.
  if (status === 404 || status === 410 || (status === 403 && !required)) return null;
  const reason = response.headers.get("x-error-message") ?? response.statusText ?? ""; // the first is Hugging Face's
  const message = `${shownAddress(url)}: the server answered HTTP ${status} ${reason}`.trim();
  const error = new CoromError("FETCH_FAILED", message);
  throw isTransientStatus(status) ? markTransient(error, retryAfterMs(response.headers)) : error;
}

function fileFrom(response, { from, etag, url, stallTimer, close }) {
  const partial = response.status === 206;
  const range = partial ? /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") : null;
  const length = contentLength(response);
  const newEtag = response.headers.get("etag") ?? undefined;
  const isOtherFile = partial && etag !== undefined && newEtag !== undefined && newEtag !== etag;
  const offset = partial ? Number(range?.[1] ?? from) : 0;
  const total = Number(range?.[3] ?? NaN) || (length === undefined ? undefined : offset + length);
  return {
    // A part of another version, or a part that begins at another byte, cannot continue the file.
    offset: isOtherFile || (partial && offset !== from) ? NaN : offset,
    total,
    // A weak ETag does not guarantee equal bytes, and offsets in a compressed body are not offsets in the file.
    etag: newEtag?.startsWith("W/") || isEncoded(response) ? undefined : newEtag,
    version: versionOf(response),
    url,
    isEncoded: isEncoded(response),
    isPartial: partial,
    // A response of another origin hides content-encoding, so its content-length may be that of a compressed body.
    chunks: chunksOf(response, { url, stallTimer, close, expected: response.type === "cors" ? undefined : length }),
    cancel() {
      close();
      discard(response);
    },
  };
}

/**
 * Returns a text that is the same for the same version of the file. A weak ETag is enough, because a whole file is
 * reused and never a part. Last-Modified counts only with the size, and not if a build tool has set it: tools use fixed
 * dates, up to 2000, so that all versions have the same one.
 */
function versionOf({ headers }) {
  const etag = headers.get("etag")?.replace(/^W\//, "");
  if (etag && etag !== '""') return `etag ${etag}`;
  const modified = Date.parse(headers.get("last-modified") ?? "");
  const size = headers.get("content-length");
  return modified > MAX_FIXED_DATE_MS && size !== null ? `modified ${modified} ${size}` : undefined;
}

async function* chunksOf(response, { url, stallTimer, close, expected }) {
  let count = 0;
  const brokenOff = (why, cause) => {
    const of = expected === undefined ? "" : ` of ${expected}`;
    const message = `${shownAddress(url)}: the download broke off after ${count}${of} bytes${why}`;
    return markTransient(new CoromError("FETCH_FAILED", message, { cause }));
  };
  const reader = readerOf(response);
  try {
    for (;;) {
      let read;
      try {
        read = await stallTimer.race(reader.read());
      } catch (cause) {
        throw brokenOff(`: ${reasonOf(cause)}`, cause);
      }
      if (read.done) break;
      const bytes = bytesOf(read.value, url);
      count += bytes.length;
      yield bytes;
    }
    if (expected !== undefined && count < expected) throw brokenOff("");
  } finally {
    close();
    Promise.resolve(reader.cancel?.()).catch(() => {});
  }
}

function bytesOf(value, url) {
  if (isBytes(value)) return unshared(uint8ArrayOf(value, `body of ${shownAddress(url)}`));
  const message = `${shownAddress(url)}: the body contains ${describeValue(value)}; expected a stream of Uint8Array`;
  throw new CoromError("FETCH_FAILED", message);
}

/** Cancels the body of a response that is not read. */
function discard(response) {
  // cancel() rejects if a reader has locked the stream; the reader then cancels it.
  new Promise((resolve) => resolve(response.body?.cancel?.())).catch(() => {});
}

/** Returns a reader of the body. Some functions used as `fetch` return a body that is not a ReadableStream. */
function readerOf(response) {
  if (typeof response.body?.getReader === "function") return response.body.getReader();
  let whole = response.body === null ? undefined : () => response.arrayBuffer();
  return {
    async read() {
      if (!whole) return { done: true };
      const value = await whole();
      whole = undefined;
      return { done: false, value };
    },
  };
}

/** Longest delay of setTimeout, 24 days. Timers with a longer delay fire immediately. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Aborts a request that receives nothing for too long. */
class StallTimer {
  #ms;
  #controller;
  #url;
  #timer;

  constructor(ms, controller, url) {
    this.#ms = ms;
    this.#controller = controller;
    this.#url = url;
  }

  /** Settles as the promise does, but rejects if the signal aborts or the time limit passes. */
  async race(promise) {
    if (this.#ms <= MAX_TIMER_MS) this.#timer = setTimeout(() => this.#abort(), this.#ms);
    try {
      return await untilAborted(promise, this.#controller.signal);
    } finally {
      this.stop();
    }
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #abort() {
    const message = `${shownAddress(this.#url)}: the server sent nothing for ${this.#ms / 1000} s`;
    this.#controller.abort(markTransient(new CoromError("FETCH_FAILED", message)));
  }
}
