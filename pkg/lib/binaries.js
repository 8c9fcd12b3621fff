// Where the two .wasm files lie beside this package's JavaScript. A file of its own: an entry that carries its
// binary otherwise does not import it, and a bundler then copies nothing that no one asks for.

// Spelled out one by one, at the place of use: bundlers find the files by these literal expressions.
export const binaries = {
  plain: () => new URL("../wasm/corom.wasm", import.meta.url),
  relaxed: () => new URL("../wasm/corom-relaxed.wasm", import.meta.url),
};
