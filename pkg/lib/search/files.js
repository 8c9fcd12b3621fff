// Transfers the files of a catalog folder: catalog.json, which lists them, the catalog, its deltas.
import { childController, throwIfAborted } from "../abort.js";
import { isBytes, isResponse, uint8ArrayOf, unshared } from "../bytes.js";
import { CoromError } from "../errors.js";
import { Prefetch } from "../prefetch.js";
import { ProgressReporter } from "../progress.js";
import { blobOf } from "../source-memory.js";
import { decodeText } from "../text.js";
import { Transfer } from "../transfer.js";

const LIST = "catalog.json";
const FORMAT = 1;
/** No list of a folder is that long. */
const MAX_LIST_BYTES = 1 << 20;

const isBlob = (value) => /^\[object (Blob|File)\]$/.test(Object.prototype.toString.call(value));

/** Returns the bytes of the catalog and of its deltas, in order. */
export async function catalogFiles(host, source, options) {
  const single = await bytesOf(source);
  if (single !== undefined) return [single];
  const files = await host.openSource(source);
  const { controller, release } = childController(options.signal);
  const sink = new BytesSink();
  const progress = new ProgressReporter(options.onProgress);
  const transfer = new Transfer(sink, {
    source: files,
    progress,
    prefetch: new Prefetch(),
    fetch: options.fetch,
    retries: options.retries,
    stallTimeoutMs: options.stallTimeoutMs,
    signal: controller.signal,
  });
  const take = async (path, more) => {
    progress.expect(path);
    await transfer.transferFile({ path, required: true, ...more });
    throwIfAborted(controller.signal);
    return sink.take(path);
  };
  try {
    const names = listed(await take(LIST, { revalidate: true }));
    const all = [];
    // `isVerified`: the hash in the file's header is checked, and the name of the file says which it is.
    for (const name of names) all.push(await take(name, { isVerified: true }));
    return all;
  } finally {
    release();
  }
}

/** Returns the bytes of a catalog file that is in memory; undefined for an address or files by path. */
async function bytesOf(source) {
  if (isBytes(source)) return uint8ArrayOf(source, "source");
  if (isResponse(source)) return new Uint8Array(await (await blobOf("source", source)).arrayBuffer());
  return isBlob(source) ? new Uint8Array(await source.arrayBuffer()) : undefined;
}

/** Returns the names of the files in catalog.json. */
function listed(bytes) {
  const fail = (message, options) => {
    throw new CoromError("INVALID_CATALOG", `${LIST}: ${message}`, options);
  };
  const text = decodeText(bytes);
  if (text.trimStart().startsWith("<")) {
    fail("found an HTML page; expected the list of a catalog folder, as `corom index build` writes it");
  }
  let list;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    fail("it is not JSON", { cause });
  }
  if (list?.format !== FORMAT) {
    throw new CoromError("UNSUPPORTED_FORMAT", `${LIST}: format ${list?.format}; this release reads ${FORMAT}`);
  }
  const isName = (name) => typeof name === "string" && name !== "" && !/[/\\]|^\./.test(name);
  if (!Array.isArray(list.files) || list.files.length === 0 || !list.files.every(isName)) {
    fail("expected a list of files in the folder");
  }
  return list.files;
}

/** Receives files (see transfer.js) and keeps their bytes. */
class BytesSink {
  #files = new Map();

  begin(path) {
    this.#files.set(path, { chunks: [], size: 0 });
  }

  fed(path) {
    return this.#files.get(path)?.size ?? 0;
  }

  feed(path, chunk) {
    const file = this.#files.get(path);
    file.chunks.push(unshared(chunk).slice());
    file.size += chunk.length;
    if (path === LIST && file.size > MAX_LIST_BYTES) throw new CoromError("INVALID_CATALOG", `${LIST}: it has more than 1 MiB`);
  }

  end() {}

  missing(path) {
    const folder = path === LIST ? "expected a catalog folder, as `corom index build` writes it" : `${LIST} lists it`;
    throw new CoromError("MISSING_FILE", `${path} does not exist; ${folder}`);
  }

  isPage() {
    return false;
  }

  /** Returns a file and forgets it. */
  take(path) {
    const { chunks, size } = this.#files.get(path);
    this.#files.delete(path);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }
}
