// The URL of corom-search.wasm. Bundlers find the file by this literal expression.
export const binary = () => new URL("../../wasm/corom-search.wasm", import.meta.url);
