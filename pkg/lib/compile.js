// Compiles WebAssembly and says what to do if that fails.
import { CoromError, messageOf } from "./errors.js";

/**
 * Awaits a compilation. `code` is the error code for a wrong binary.
 *
 * @throws UNSUPPORTED_HOST if the host forbids compilation.
 */
export async function explainCompileErrors(compiling, name, code) {
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

export function unsupported(message, cause) {
  return new CoromError("UNSUPPORTED_HOST", message, cause && { cause });
}
