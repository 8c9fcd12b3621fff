// Type of `corom/corom.wasm`, `corom/corom-relaxed.wasm`, `corom/corom-unfused.wasm` and `corom/corom-search.wasm`. A
// bundler turns the import into a URL, bytes or a compiled module; each of them can be passed to `Corom.load`, or to
// `Catalog.load`, as the option `wasm`.
import type { WasmSource } from "./index.js";

declare const wasm: WasmSource;
export default wasm;
