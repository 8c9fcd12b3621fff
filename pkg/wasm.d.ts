// Type of `corom/corom.wasm`, `corom/corom-relaxed.wasm` and `corom/corom-unfused.wasm`. A bundler turns the import
// into a URL, bytes or a compiled module; each of them can be passed to `Corom.load` as the option `wasm`.
import type { WasmSource } from "./index.js";

declare const wasm: WasmSource;
export default wasm;
