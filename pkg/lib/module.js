// Selects one of the WebAssembly binaries, fetches it and compiles it once per program.
import { throwIfAborted, untilAborted } from "./abort.js";
import { shownAddress } from "./address.js";
import { unexpected } from "./arguments.js";
import { isBytes, isResponse, isUrl, uint8ArrayOf, unshared } from "./bytes.js";
import { explainCompileErrors, unsupported } from "./compile.js";
import { CoromError, messageOf } from "./errors.js";
import { isMirrors } from "./model-url.js";
import { SharedWork } from "./shared-work.js";
import { hasRelaxedSimd, hasSimd } from "./simd.js";
import { downloadModule, moduleOfResponse } from "./wasm-file.js";
import { checkWasmResponse } from "./wasm-response.js";

const WASM_FILES = {
  plain: "corom.wasm",
  relaxed: "corom-relaxed.wasm",
  unfused: "corom-unfused.wasm",
  convert: "corom-convert.wasm",
};

/**
 * The compiled modules, held weakly, so that the engine can free the code when the last instance is gone; and those that
 * are being compiled (SharedWork). The key is the function in `host.binaries`, because two entries of the package may be
 * in use together, or the URLs of the option `wasm`.
 */
const compiled = new Map();
const compiling = new Map();

/** Returns whether a load can switch to the binary that runs graphs which are not recognized. */
export const hasUnfused = (host, { wasm }) => wasm === undefined && host.binaries.unfused !== undefined;

/**
 * Returns `{ module, simd, isPrecompiled }` for the options `simd`, `wasm`, `retries` and `stallTimeoutMs`.
 * `host.binaries` maps a kind (`plain`, `relaxed`, `unfused`) to a function; see `binaryModule`. `unfused`: the graph
 * runs as it is; that binary has plain SIMD.
 */
export async function wasmModule(host, { simd, wasm, unfused, ...options }) {
  checkHost();
  if (wasm !== undefined) {
    const module = await untilAborted(moduleFromOption(host, wasm, options), options.signal);
    return { module, simd: simd === "auto" ? "custom" : simd };
  }
  const kind = chooseKind(simd, host.binaries);
  if (unfused) return { ...(await unfusedModule(host, options)), simd: "plain" };
  return { ...(await binaryModule(host, host.binaries[kind], WASM_FILES[kind], options)), simd: kind };
}

function checkHost() {
  if (typeof WebAssembly !== "object") throw unsupported("this host has no WebAssembly; corom needs it, with SIMD");
  if (!hasSimd()) throw unsupported("this engine has no WebAssembly SIMD; update the browser or JavaScript runtime");
}

/** Returns `{ module, isPrecompiled }` of corom-search.wasm, or of the option `wasm`. `host.searchBinary`: see `binaryModule`. */
export async function searchModule(host, { wasm, ...options }) {
  checkHost();
  if (wasm === undefined) return binaryModule(host, host.searchBinary, "corom-search.wasm", options);
  return { module: await untilAborted(moduleFromOption(host, wasm, options), options.signal) };
}

async function unfusedModule(host, options) {
  try {
    return await binaryModule(host, host.binaries.unfused, WASM_FILES.unfused, options);
  } catch (cause) {
    throwIfAborted(options.signal);
    if (cause?.code === "OUT_OF_MEMORY") throw cause;
    throw unfusedError(`which cannot be loaded: ${messageOf(cause)}`, cause);
  }
}

/** Returns the error of a load that needs the binary for other graphs, where there is none. */
export function needsUnfused(host, { wasm }, cause) {
  if (wasm !== undefined) return unfusedError("and the module given as wasm is another one", cause);
  return unfusedError("which this entry of corom does not contain", cause);
}

function unfusedError(reason, cause) {
  const file = WASM_FILES.unfused;
  return new CoromError(
    "NEEDS_UNFUSED",
    "this model's graph is not recognized as a BERT, its tokenizer has regular expressions, or advanced.fused is false; " +
      `that needs ${file}, ${reason}. Serve that file beside ${WASM_FILES.plain}, or pass corom/${file} as wasm`,
    { cause },
  );
}

/**
 * Returns `{ module, isPrecompiled }` of a binary of this package. `binary()` returns its URL, its bytes, or a module
 * that the host compiled with the program (then `isPrecompiled` is true). `file` is its name.
 */
export async function binaryModule(host, binary, file, options) {
  const held = compiled.get(binary)?.deref();
  if (held) return { module: held };
  const given = await locateBinary(host, binary, file);
  if (isModule(given)) return { module: given, isPrecompiled: true };
  const module = await compiledOnce(binary, options, (how) =>
    isUrl(given) ? moduleAt(host, [given], file, how) : moduleOfBytes(given, file, how),
  );
  return { module };
}

/** Returns the module of `key`: the one that exists, or what `compile(options)` returns, which all callers share. */
async function compiledOnce(key, options, compile) {
  const { retries, stallTimeoutMs, signal, onProgress } = options;
  for (;;) {
    const held = compiled.get(key)?.deref();
    if (held) return held;
    let job = compiling.get(key);
    const isShared = job !== undefined && !job.work.isAbandoned;
    if (!isShared) {
      job = { retries, stallTimeoutMs };
      job.work = new SharedWork(async (signal, report) => {
        try {
          const module = await compile({ retries, stallTimeoutMs, signal, report });
          compiled.set(key, new WeakRef(module));
          return module;
        } finally {
          if (compiling.get(key) === job) compiling.delete(key);
        }
      });
      compiling.set(key, job);
    }
    try {
      return await job.work.join({ signal, onProgress });
    } catch (error) {
      throwIfAborted(signal);
      // Another load may have given up earlier than this one wants to.
      const isPatient = job.retries < retries || job.stallTimeoutMs < stallTimeoutMs;
      if (!(isShared && isPatient && error instanceof CoromError)) throw error;
    }
  }
}

/** Returns the module at the first of the URLs that has it. */
async function moduleAt(host, urls, file, { signal, report, ...options }) {
  report({ phase: "wasm", file, loaded: 0, total: undefined });
  const bytes = urls.length === 1 ? await host.readLocal?.(urls[0], signal) : undefined;
  const { module, size } = bytes
    ? { module: await moduleFrom(bytes, shownAddress(urls[0].href), "FETCH_FAILED"), size: bytes.length }
    : await downloadModule(urls, file, { ...options, signal, report });
  report({ phase: "wasm", file, loaded: size, total: size });
  return module;
}

async function moduleOfBytes(bytes, file, { report }) {
  report({ phase: "wasm", file, loaded: 0, total: undefined });
  const module = await moduleFrom(bytes, file, "FETCH_FAILED");
  report({ phase: "wasm", file, loaded: bytes.byteLength, total: bytes.byteLength });
  return module;
}

const moduleFrom = async (bytes, name, code) =>
  explainCompileErrors(WebAssembly.compile(unshared(uint8ArrayOf(bytes, name))), name, code);

/** Returns the kind of binary to use: one that this engine can run and that this entry contains. */
function chooseKind(simd, binaries) {
  if (simd === "relaxed" && !hasRelaxedSimd()) {
    throw unsupported('advanced.simd: this engine has no relaxed SIMD; use "auto" instead of "relaxed"');
  }
  if (simd !== "auto" && !binaries[simd]) {
    throw unsupported(
      `advanced.simd: this entry of corom has no "${simd}" binary; import corom/${WASM_FILES[simd]} and pass it as wasm`,
    );
  }
  if (simd !== "auto") return simd;
  if (binaries.relaxed && hasRelaxedSimd()) return "relaxed";
  if (binaries.plain) return "plain";
  throw unsupported("this engine has no relaxed SIMD; import corom/corom.wasm and pass it as wasm");
}

/** Returns the result of `binary()`, with a URL made absolute. In some bundles import.meta.url is missing. */
export async function locateBinary(host, binary, file) {
  try {
    const given = await binary();
    return isUrl(given) ? host.resolveUrl(given.href, file) : given;
  } catch (cause) {
    throw unsupported(
      `${file} cannot be located (${messageOf(cause)}), for example in a bundle without import.meta.url; ` +
        'pass the file as wasm, or import corom/inline (in Next.js, set serverExternalPackages: ["corom"])',
      cause,
    );
  }
}

const isModule = (value) => Object.prototype.toString.call(value) === "[object WebAssembly.Module]";

/** Compiles the option `wasm`. */
async function moduleFromOption(host, given, options) {
  const wasm = await awaitOption(given, options.signal);
  if (isModule(wasm)) return wasm;
  if (typeof wasm === "string" || isUrl(wasm) || isMirrors(wasm)) {
    const urls = await Promise.all([wasm].flat().map((url) => host.resolveBinary(url)));
    const hrefs = urls.map(({ href }) => href);
    const file = urls[0].pathname.split("/").at(-1);
    return compiledOnce(hrefs.join(" "), options, (how) => moduleAt(host, urls, file, how));
  }
  if (isBytes(wasm)) return moduleFrom(wasm, "wasm", "INVALID_ARGUMENT");
  if (!isResponse(wasm)) throw unexpected("wasm", wasm, "a URL, a list of URLs, a Response, a WebAssembly.Module or bytes");
  checkWasmResponse(wasm);
  return (await moduleOfResponse(wasm, "wasm", options)).module;
}

async function awaitOption(given, signal) {
  try {
    return await given;
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `wasm: the promise was rejected: ${messageOf(cause)}`, { cause });
  }
}
