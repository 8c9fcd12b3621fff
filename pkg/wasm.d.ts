// Type of `corom/corom.wasm` and `corom/corom-relaxed.wasm`: what a bundler makes of them (a URL, bytes, a module)
// goes into the option `wasm` of `Corom.load`.
import type { WasmSource } from "./index.js";

declare const wasm: WasmSource;
export default wasm;
