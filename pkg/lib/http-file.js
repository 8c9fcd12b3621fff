// A file behind a URL, from any byte on.
import { childController, throwIfAborted, untilAborted } from "./abort.js";
import { describeValue } from "./arguments.js";
import { CoromError } from "./errors.js";
import { contentLength, isEncoded, reasonOf, request } from "./fetch.js";
import { isTransientStatus, retryAfterMs, markTransient } from "./transient.js";

/**
 * Asks for a file from byte `from` on; null when there is none. What comes says where it really begins
 * (`offset`: 0 where the server knows no ranges or has another file by now), `total` (the file's size, if the
 * server says), `etag` (if the file can be continued by it), and `chunks`, to be read once, or `cancel`led.
 *
 * `etag` is that of the bytes before `from`, and `sendsIfRange` whether it is sent; `cache` as fetch has it; `stall`: ms
 * without a byte that are too many.
 */
export async function openHttpFile(url, { from = 0, etag, sendsIfRange = true, cache, fetch, required, stallTimeoutMs, signal }) {
  const { controller, release } = childController(signal);
  const stallTimer = new StallTimer(stallTimeoutMs, controller, url);
  const close = (error) => {
    stallTimer.stop();
    release();
    controller.abort(error);
  };
  try {
    const response = await stallTimer.race(
      requestFile(url, { headers: rangeOf(from, sendsIfRange ? etag : undefined), cache, fetch, required }, controller),
    );
    if (response !== null && response.status !== 416) return fileFrom(response, { from, etag, url, stallTimer, close });
    if (response !== null) discard(response);
    close();
    // Past the end: the file is another one by now.
    return response && openHttpFile(url, { cache, fetch, required, stallTimeoutMs, signal });
  } catch (error) {
    throwIfAborted(signal);
    close(error);
    throw error;
  }
}

const rangeOf = (from, etag) =>
  from === 0 ? {} : { range: `bytes=${from}-`, ...(etag === undefined ? {} : { "if-range": etag }) };

/** The Response, when it is one with the file; null when there is no such file. */
async function requestFile(url, { required, ...how }, { signal }) {
  const response = await request(url, signal, how);
  const { status } = response;
  if ((status >= 200 && status < 300) || (status === 416 && how.headers.range)) return response;
  discard(response);
  // Storage in the manner of S3 answers 403 for what is not there. A folder that is truly
  // forbidden is told by the files that every model has.
  if (status === 404 || status === 410 || (status === 403 && !required)) return null;
  const error = new CoromError("FETCH_FAILED", `${url} answered HTTP ${status} ${response.statusText ?? ""}`.trim());
  throw isTransientStatus(status) ? markTransient(error, retryAfterMs(response.headers)) : error;
}

function fileFrom(response, { from, etag, url, stallTimer, close }) {
  const partial = response.status === 206;
  const range = partial ? /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") : null;
  const length = contentLength(response);
  const own = response.headers.get("etag") ?? undefined;
  const other = partial && etag !== undefined && own !== undefined && own !== etag;
  const offset = partial ? Number(range?.[1] ?? from) : 0;
  const total = Number(range?.[3] ?? NaN) || (length === undefined ? undefined : offset + length);
  return {
    // A part of another file, or from elsewhere, continues nothing.
    offset: other || (partial && offset !== from) ? NaN : offset,
    total,
    // A weak tag does not promise the same bytes; those of a compressed body are not the file's.
    etag: own?.startsWith("W/") || isEncoded(response) ? undefined : own,
    isEncoded: isEncoded(response),
    // It may be less than what was asked for.
    partial,
    // Another origin may compress without our seeing it: then the length is not that of the file.
    chunks: chunksOf(response, { url, stallTimer, close, due: response.type === "cors" ? undefined : length }),
    cancel() {
      close();
      discard(response);
    },
  };
}

async function* chunksOf(response, { url, stallTimer, close, due }) {
  let count = 0;
  const broken = (why, cause) => {
    const of = due === undefined ? "" : ` of ${due}`;
    return markTransient(new CoromError("FETCH_FAILED", `${url} broke off after ${count}${of} bytes${why}`, { cause }));
  };
  const reader = readerOf(response);
  try {
    for (;;) {
      let read;
      try {
        read = await stallTimer.race(reader.read());
      } catch (cause) {
        throw broken(`: ${reasonOf(cause)}`, cause);
      }
      if (read.done) break;
      const bytes = bytesOf(read.value, url);
      count += bytes.length;
      yield bytes;
    }
    if (due !== undefined && count < due) throw broken("");
  } finally {
    close();
    Promise.resolve(reader.cancel?.()).catch(() => {});
  }
}

function bytesOf(value, url) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new CoromError("FETCH_FAILED", `${url} gave a stream of something else than bytes: ${describeValue(value)}`);
}

/** What is not read need not come. */
function discard(response) {
  // It is refused where a reader has the stream, which is then cancelled there.
  new Promise((resolve) => resolve(response.body?.cancel?.())).catch(() => {});
}

/** Some functions that stand in for fetch give a body that is no stream of the web's. */
function readerOf(response) {
  if (typeof response.body?.getReader === "function") return response.body.getReader();
  let whole = response.body === null ? undefined : () => response.arrayBuffer();
  return {
    async read() {
      if (!whole) return { done: true };
      const bytes = await whole();
      whole = undefined;
      return { done: false, value: new Uint8Array(bytes) };
    },
  };
}

/** Of a longer one the host's timers would make none at all. It is 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Ends a request that brings nothing for too long. */
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

  /** What is waited for, or the signal's reason, or a complaint when it takes too long. */
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
    const message = `${this.#url} sent nothing for ${this.#ms / 1000} s`;
    this.#controller.abort(markTransient(new CoromError("FETCH_FAILED", message)));
  }
}
