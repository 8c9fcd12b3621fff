// Downloads a .wasm file and compiles it. The download is that of every other file (transfer.js): retries, the stall
// limit, mirrors, ranges, progress.
//
// Browsers compile while they download, and keep the compiled code of a Response that they fetched themselves. So the
// Response of a first request goes to the compiler, and a clone of it to the transfer, which counts the bytes and keeps
// them. If the connection breaks, the transfer continues from these bytes, and they are compiled when all are here.
import { shownAddress } from "./address.js";
import { explainCompileErrors } from "./compile.js";
import { CoromError } from "./errors.js";
import { hasPreflights } from "./fetch.js";
import { openHttpFile } from "./http-file.js";
import { Prefetch } from "./prefetch.js";
import { ProgressReporter } from "./progress.js";
import { Transfer } from "./transfer.js";
import { decodeText } from "./text.js";

const MAGIC = [0, 97, 115, 109]; // "\0asm"
/** No binary of this package, built in any way, is that large. */
const MAX_WASM_BYTES = 64 << 20;
/** Code of an error about the bytes within a transfer, which tries another mirror after it. */
const WRONG_BYTES = "INVALID_MODEL";

/**
 * Returns the module at the first of the URLs that has it. `file` is the name of the file for messages and progress.
 * `options`: `{ retries, stallTimeoutMs, signal, report }`; `report(event)` receives progress events.
 */
export function downloadModule(urls, file, options) {
  return transferred(urls.map(mirrorOf), file, "FETCH_FAILED", options);
}

/** Returns the module in a Response of the caller. It cannot be requested again. */
export function moduleOfResponse(response, name, { stallTimeoutMs, signal, report }) {
  const url = response.url || name;
  const mirror = { remote: false, preflights: false, url, open: (_, how) => openHttpFile(url, how) };
  const fetch = async () => response;
  return transferred([mirror], name, "INVALID_ARGUMENT", { fetch, retries: 0, stallTimeoutMs, signal, report });
}

function mirrorOf({ href, origin }) {
  return {
    remote: true,
    preflights: hasPreflights() && origin !== globalThis.location?.origin,
    url: href,
    open: (_, how) => openHttpFile(href, how),
  };
}

async function transferred(mirrors, file, code, { fetch, retries, stallTimeoutMs, signal, report }) {
  const progress = new ProgressReporter(({ loaded, total, rate }) => report?.({ phase: "wasm", file, loaded, total, rate }));
  progress.expect(file);
  const sink = new ModuleSink(file, mirrors, fetch);
  const transfer = new Transfer(sink, {
    source: { mirrors },
    progress,
    prefetch: new Prefetch(),
    fetch: sink.fetch,
    retries,
    stallTimeoutMs,
    signal,
  });
  try {
    await transfer.transferFile({ path: file, required: true, isVerified: true });
  } catch (error) {
    if (error?.code !== WRONG_BYTES) throw error;
    throw new CoromError(code, error.message, error.cause === undefined ? undefined : { cause: error.cause });
  }
  return sink;
}

/** Receives the bytes of a transfer (see transfer.js), and compiles them. */
class ModuleSink {
  #file;
  #mirrors;
  #fetch;
  #chunks = [];
  /** The compilation of the Response that is being received, if there is one. */
  #streaming;
  /** Bytes so far. */
  size = 0;
  /** The compiled module, after the end. */
  module;

  constructor(file, mirrors, fetch = (url, init) => globalThis.fetch(url, init)) {
    this.#file = file;
    this.#mirrors = mirrors;
    this.#fetch = fetch;
  }

  /** Fetches, and begins to compile a Response that has the whole file. */
  fetch = async (url, init) => {
    this.#streaming = undefined;
    const response = await this.#fetch(url, init);
    if (!canStream(response)) return response;
    const copy = response.clone();
    this.#streaming = WebAssembly.compileStreaming(response);
    this.#streaming.catch(() => {}); // the transfer reports what is wrong with the download
    return copy;
  };

  begin() {
    this.#chunks = [];
    this.size = 0;
  }

  fed() {
    return this.size;
  }

  feed(_, chunk) {
    this.#chunks.push(chunk.slice());
    this.size += chunk.length;
    if (this.size > MAX_WASM_BYTES) throw this.#wrong(`has more than ${MAX_WASM_BYTES >> 20} MiB`);
    const first = this.#chunks[0];
    if (MAGIC.every((byte, i) => first[i] === undefined || first[i] === byte)) return;
    throw this.#wrong(
      decodeText(first.subarray(0, 512)).trimStart().startsWith("<")
        ? `is an HTML page, not ${this.#file}; serve the file there, or pass its URL as wasm ` +
            '(in Vite before 8, set optimizeDeps: { exclude: ["corom"] })'
        : "is not a valid WebAssembly binary",
    );
  }

  async end() {
    // A copy of the bytes is not made while the browser compiles: it takes as much memory as the file has bytes.
    const compiling = this.#streaming ?? new Blob(this.#chunks).arrayBuffer().then((bytes) => WebAssembly.compile(bytes));
    this.module = await explainCompileErrors(compiling, this.#addresses, WRONG_BYTES);
    this.#chunks = [];
  }

  missing() {
    throw new CoromError("FETCH_FAILED", `${this.#addresses}: the server does not have the file (HTTP 404)`);
  }

  #wrong(what) {
    return new CoromError(WRONG_BYTES, `${this.#addresses} ${what}`);
  }

  get #addresses() {
    return this.#mirrors.map(({ url }) => shownAddress(url)).join(", ");
  }
}

/** Returns whether the engine can compile a Response while it arrives, and keep its code. Only browsers do both. */
const canStream = (response) =>
  hasPreflights() &&
  typeof WebAssembly.compileStreaming === "function" &&
  response?.status === 200 &&
  response.type !== "error" &&
  typeof response.clone === "function" &&
  response.bodyUsed === false &&
  /^application\/wasm$/i.test(response.headers.get("content-type") ?? "");
