// The compiled WebAssembly module: which of the two binaries, from where, and compiled once.
import { throwIfAborted, untilAborted } from "./abort.js";
import { describeValue } from "./arguments.js";
import { CoromError, invalid, messageOf } from "./errors.js";
import { readBody } from "./fetch.js";
import { hasRelaxedSimd, hasSimd } from "./simd.js";

const WASM_FILES = { plain: "corom.wasm", relaxed: "corom-relaxed.wasm" };

// Held weakly: with the last instance gone, the engine may drop the code too. Keyed by what gives the binary, as
// two entries may be in use together.
const compiled = new WeakMap();

/**
 * `{ module, simd, isPrecompiled }` for the options `simd` and `wasm`. `host.binaries` has this package's own, by kind:
 * functions that give a URL, bytes, or the module where the host compiled it with the program (`isPrecompiled`).
 */
export async function wasmModule(host, { simd, wasm, signal, onProgress }) {
  if (typeof WebAssembly !== "object") throw unsupported("this host has no WebAssembly");
  if (!hasSimd()) throw unsupported("this engine's WebAssembly has no SIMD; it is older than corom can run on");
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
  const { input, size } = given instanceof URL ? await host.fetchUrl(given, signal) : { input: given, size: given.byteLength };
  const module = await untilAborted(compile(input, file), signal);
  compiled.set(binary, new WeakRef(module));
  onProgress?.({ phase: "wasm", file, loaded: size ?? 0, total: size });
  return { module };
}

/** A kind that runs here and that this entry has. */
function chooseKind(simd, binaries) {
  if (simd === "relaxed" && !hasRelaxedSimd()) {
    throw unsupported('this engine has no relaxed SIMD; leave simd at "auto" to use it only where it exists');
  }
  if (simd !== "auto" && !binaries[simd]) {
    throw unsupported(
      `this entry of corom has no binary for simd: "${simd}"; import corom/${WASM_FILES[simd]} and pass it as wasm`,
    );
  }
  if (simd !== "auto") return simd;
  if (binaries.relaxed && hasRelaxedSimd()) return "relaxed";
  if (binaries.plain) return "plain";
  throw unsupported("this engine has no relaxed SIMD; import corom/corom.wasm and pass it as wasm");
}

/** What `binary` gives, a URL as an absolute one. Bundlers may leave neither that nor what it would be relative to. */
async function locateBinary(host, binary, file) {
  try {
    const given = await binary();
    return given instanceof URL ? host.resolveUrl(given.href, file) : given;
  } catch (cause) {
    throw unsupported(
      `where ${file} lies is not known here (${messageOf(cause)}), as in a bundle without import.meta.url; ` +
        'pass it as wasm, or import corom/inline (in Next.js set serverExternalPackages: ["corom"])',
      cause,
    );
  }
}

const isModule = (value) => Object.prototype.toString.call(value) === "[object WebAssembly.Module]";

/** What the option `wasm` may be. */
async function moduleFromOption(host, given, signal) {
  const wasm = await awaitOption(given, signal);
  if (isModule(wasm)) return wasm;
  const kind = Object.prototype.toString.call(wasm);
  if (typeof wasm === "string" || kind === "[object URL]") {
    const url = host.resolveUrl(wasm, "wasm");
    return compile((await host.fetchUrl(url, signal)).input, url.href);
  }
  if (kind === "[object Response]" || wasm instanceof ArrayBuffer || ArrayBuffer.isView(wasm)) {
    return compile(wasm, "the wasm option", "INVALID_ARGUMENT");
  }
  throw invalid(`wasm must be a URL, a Response, a WebAssembly.Module or bytes, not ${describeValue(wasm)}`);
}

async function awaitOption(given, signal) {
  try {
    return await given;
  } catch (cause) {
    throwIfAborted(signal);
    throw new CoromError("FETCH_FAILED", `the promise given as wasm was rejected: ${messageOf(cause)}`, { cause });
  }
}

/** Compiles bytes or a Response; `code` is for an input that is not what it should be. */
async function compile(input, name, code = "FETCH_FAILED") {
  if (input instanceof ArrayBuffer || ArrayBuffer.isView(input)) {
    return explainCompileErrors(WebAssembly.compile(input), name, code);
  }
  if (!input.ok) throw new CoromError(code, `${name} could not be fetched: HTTP ${input.status} from ${input.url}`);
  const type = input.headers.get("content-type") ?? "";
  if (/^text\/html\b/i.test(type)) {
    await input.body?.cancel();
    throw new CoromError(
      code,
      `${input.url || name} is a web page, not ${name}: the file is not served there; pass its address as wasm ` +
        '(in Vite before 8 set optimizeDeps: { exclude: ["corom"] })',
    );
  }
  if (/^application\/wasm\b/i.test(type) && typeof WebAssembly.compileStreaming === "function") {
    return explainCompileErrors(WebAssembly.compileStreaming(input), name, code);
  }
  return explainCompileErrors(WebAssembly.compile(await readBody(input, { name })), name, code);
}

async function explainCompileErrors(compiling, name, code) {
  try {
    return await compiling;
  } catch (cause) {
    const said = messageOf(cause);
    if (/disallowed by embedder/i.test(said)) {
      throw unsupported(
        "this host compiles no WebAssembly at run time: import corom/corom.wasm as a module and pass it as wasm",
        cause,
      );
    }
    if (/content security policy|unsafe-eval/i.test(said)) {
      throw unsupported(
        "the page's Content-Security-Policy forbids WebAssembly: allow 'wasm-unsafe-eval' in script-src",
        cause,
      );
    }
    throw new CoromError(code, `${name} is not the WebAssembly file it should be: ${said}`, { cause });
  }
}

function unsupported(message, cause) {
  return new CoromError("UNSUPPORTED_HOST", message, cause && { cause });
}
