// The URL of corom-convert.wasm. Bundlers find the file by this literal expression.
export const binary = () => new URL("../../wasm/corom-convert.wasm", import.meta.url);
