// One HTTP GET: the answer, then its body as bytes, with the errors told apart.
import { throwIfAborted } from "./abort.js";
import { CoromError, messageOf } from "./errors.js";

/** The Response to a GET, whatever its status. */
export async function request(url, signal) {
  try {
    return await fetch(url, { signal });
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `${url} could not be fetched: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * The body of a Response as one Uint8Array. `size` is how long it should be, where that is known;
 * `moved(loaded, total)` hears of every chunk.
 */
export async function bodyOf(response, { name = response.url, size, signal, moved } = {}) {
  const length = contentLength(response);
  const total = size ?? length;
  const bytes = new Growing(total ?? 64 * 1024);
  moved?.(0, total);
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch((cause) => {
      throwIfAborted(signal);
      throw new CoromError("FETCH_FAILED", `${name} broke off after ${bytes.length} bytes: ${reasonOf(cause)}`, {
        cause,
      });
    });
    if (done) break;
    bytes.push(value);
    moved?.(bytes.length, total);
  }
  if (length !== undefined && bytes.length < length) {
    throw new CoromError("FETCH_FAILED", `${name} broke off after ${bytes.length} of ${length} bytes`);
  }
  return bytes.take();
}

/** The body's length in bytes, unless the server sends it compressed. */
function contentLength(response) {
  const encoding = response.headers.get("content-encoding");
  if (encoding && encoding !== "identity") return undefined;
  const length = response.headers.get("content-length");
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Node hides the reason ("connect ECONNREFUSED …") in the cause of "fetch failed". */
function reasonOf(error) {
  const beneath = error?.cause;
  return beneath ? `${messageOf(error)} (${messageOf(beneath)})` : messageOf(error);
}

/** A byte buffer that grows; with the right size from the start nothing is copied. */
class Growing {
  #bytes;
  length = 0;

  constructor(capacity) {
    this.#bytes = allocate(capacity);
  }

  push(chunk) {
    const needed = this.length + chunk.length;
    if (needed > this.#bytes.length) {
      const larger = allocate(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.length));
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.length);
    this.length = needed;
  }

  take() {
    return this.#bytes.subarray(0, this.length);
  }
}

export function allocate(size) {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    throw new CoromError("OUT_OF_MEMORY", `there is no room for a file of ${size} bytes`, { cause });
  }
}
