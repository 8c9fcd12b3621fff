// Selects one of the two WebAssembly binaries, fetches it and compiles it once per program.
import { throwIfAborted, untilAborted } from "./abort.js";
import { shownAddress } from "./address.js";
import { unexpected } from "./arguments.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { isBytes, isResponse, isUrl, uint8ArrayOf, unshared } from "./bytes.js";
import { readBody } from "./fetch.js";
import { hasRelaxedSimd, hasSimd } from "./simd.js";

const WASM_FILES = { plain: "corom.wasm", relaxed: "corom-relaxed.wasm" };

// Compiled modules, held weakly, so that the engine can free the code when the last instance is gone. The key is the
// function in `host.binaries`, because two entries of the package may be in use together.
const compiled = new WeakMap();

/**
 * Returns `{ module, simd, isPrecompiled }` for the options `simd` and `wasm`. `host.binaries` maps a kind (`plain`,
 * `relaxed`) to a function that returns a URL, bytes, or a module that the host compiled with the program (then
 * `isPrecompiled` is true).
 */
export async function wasmModule(host, { simd, wasm, signal, onProgress }) {
  if (typeof WebAssembly !== "object") throw unsupported("this host has no WebAssembly; corom needs it, with SIMD");
  if (!hasSimd()) throw unsupported("this engine has no WebAssembly SIMD; update the browser or JavaScript runtime");
  if (wasm !== undefined) {
    const module = await untilAborted(moduleFromOption(host, wasm, signal), signal);
    return { module, simd: simd === "auto" ? "custom" : simd };
  }
  const kind = chooseKind(simd, host.binaries);
  return { ...(await packagedModule(host, kind, { signal, onProgress })), simd: kind };
}

async function packagedModule(host, kind, { signal, onProgress }) {
  const binary = host.binaries[kind];
  const held = compiled.get(binary)?.deref();
  if (held) return { module: held };
  const file = WASM_FILES[kind];
  const given = await locateBinary(host, binary, file);
  if (isModule(given)) return { module: given, isPrecompiled: true };
  onProgress?.({ phase: "wasm", file, loaded: 0, total: undefined });
  const { input, size } = isUrl(given) ? await host.fetchUrl(given, signal) : { input: given, size: given.byteLength };
  const module = await untilAborted(compile(input, file), signal);
  compiled.set(binary, new WeakRef(module));
  onProgress?.({ phase: "wasm", file, loaded: size ?? 0, total: size });
  return { module };
}

/** Returns the kind of binary to use: one that this engine can run and that this entry contains. */
function chooseKind(simd, binaries) {
  if (simd === "relaxed" && !hasRelaxedSimd()) {
    throw unsupported('simd: this engine has no relaxed SIMD; use "auto" instead of "relaxed"');
  }
  if (simd !== "auto" && !binaries[simd]) {
    throw unsupported(
      `simd: this entry of corom has no "${simd}" binary; import corom/${WASM_FILES[simd]} and pass it as wasm`,
    );
  }
  if (simd !== "auto") return simd;
  if (binaries.relaxed && hasRelaxedSimd()) return "relaxed";
  if (binaries.plain) return "plain";
  throw unsupported("this engine has no relaxed SIMD; import corom/corom.wasm and pass it as wasm");
}

/** Returns the result of `binary()`, with a URL made absolute. In some bundles import.meta.url is missing. */
async function locateBinary(host, binary, file) {
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
async function moduleFromOption(host, given, signal) {
  const wasm = await awaitOption(given, signal);
  if (isModule(wasm)) return wasm;
  if (typeof wasm === "string" || isUrl(wasm)) {
    const url = host.resolveUrl(wasm, "wasm");
    return compile((await host.fetchUrl(url, signal)).input, shownAddress(url.href));
  }
  if (isResponse(wasm) || isBytes(wasm)) return compile(wasm, "wasm", "INVALID_ARGUMENT");
  throw unexpected("wasm", wasm, "a URL, a Response, a WebAssembly.Module or bytes");
}

async function awaitOption(given, signal) {
  try {
    return await given;
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `wasm: the promise was rejected: ${messageOf(cause)}`, { cause });
  }
}

/** Compiles bytes or a Response. `code` is the error code for a wrong input. */
async function compile(input, name, code = "FETCH_FAILED") {
  if (isBytes(input)) {
    return explainCompileErrors(WebAssembly.compile(unshared(uint8ArrayOf(input, name))), name, code);
  }
  if (!input.ok) {
    throw new CoromError(code, `${name}: the server answered HTTP ${input.status} for ${shownAddress(input.url)}`);
  }
  if (input.bodyUsed || input.body?.locked) throw invalid(`${name}: the body of the Response was read before`);
  const type = input.headers.get("content-type") ?? "";
  if (/^text\/html\b/i.test(type)) {
    await input.body?.cancel();
    throw new CoromError(
      code,
      `${shownAddress(input.url) || name} is an HTML page, not ${name}; serve the file there, or pass its URL as wasm ` +
        '(in Vite before 8, set optimizeDeps: { exclude: ["corom"] })',
    );
  }
  if (/^application\/wasm\b/i.test(type) && typeof WebAssembly.compileStreaming === "function") {
    return explainCompileErrors(WebAssembly.compileStreaming(input), name, code);
  }
  return explainCompileErrors(WebAssembly.compile(await readBody(input, { name })), name, code);
}

/** Awaits a compilation, and converts its error to a CoromError that says what to do. */
async function explainCompileErrors(compiling, name, code) {
  try {
    return await compiling;
  } catch (cause) {
    const message = messageOf(cause);
    if (/disallowed by embedder/i.test(message)) {
      throw unsupported(
        "this host does not compile WebAssembly at run time; import corom/corom.wasm as a module and pass it as wasm",
        cause,
      );
    }
    if (/content security policy|unsafe-eval/i.test(message)) {
      throw unsupported(
        "the page's Content-Security-Policy forbids WebAssembly; add 'wasm-unsafe-eval' to script-src",
        cause,
      );
    }
    throw new CoromError(code, `${name} is not a valid WebAssembly binary: ${message}`, { cause });
  }
}

function unsupported(message, cause) {
  return new CoromError("UNSUPPORTED_HOST", message, cause && { cause });
}
