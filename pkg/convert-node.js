// Entry `corom/convert` for Node, Deno and Bun: converts a checkpoint or an ONNX export in a worker thread.
import { Worker } from "node:worker_threads";
import { createConverter } from "./lib/convert/converter.js";
import { nodeHost } from "./lib/convert/host-node.js";

export { CoromError } from "./lib/errors.js";

// Bundlers find the script by this literal expression.
const start = (options) => new Worker(new URL("./convert-thread-node.js", import.meta.url), options);

export const { convert, inspect } = /* @__PURE__ */ createConverter(/* @__PURE__ */ nodeHost(start));
