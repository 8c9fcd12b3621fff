// Entry `corom/convert` for browsers: converts a checkpoint or an ONNX export in a Web Worker.
import { createConverter } from "./lib/convert/converter.js";
import { webHost } from "./lib/convert/host-web.js";

export { CoromError } from "./lib/errors.js";

// Bundlers find the script by this literal expression.
const start = () => new Worker(new URL("./convert-thread.js", import.meta.url), { type: "module" });

export const { convert, inspect } = /* @__PURE__ */ createConverter(/* @__PURE__ */ webHost(start));
