// A worker script for tests: the package's own, with a model that misbehaves when certain texts are embedded.
import { Runtime } from "../../../pkg/lib/runtime.js";
import { serve } from "../../../pkg/lib/worker/thread.js";

const web = typeof self === "object";
const { Corom } = await import(web ? "../../../pkg/browser.js" : "../../../pkg/node.js");
const port = web ? self : (await import("node:worker_threads")).parentPort;

// (module (func (export "trap") unreachable))
const TRAP = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0, 10, 5, 1, 3, 0, 0,
  11,
];
const { trap } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(TRAP))).exports;

/** What happens at the next step inside the instance. */
let inside;
const { call } = Runtime.prototype;
Runtime.prototype.call = function (work) {
  const first = inside;
  inside = undefined;
  return call.call(this, (bindings) => (first?.(), work(bindings)));
};

const DEEDS = {
  trap: () => (inside = trap),
  "no memory": () =>
    (inside = () => {
      throw new RangeError("WebAssembly.Memory.grow(): Maximum memory size exceeded");
    }),
  block: () => {
    for (;;);
  },
  throw: () =>
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }),
  end: () => (web ? self.close() : process.exit()),
  heap: () => {
    for (const held = []; ;) held.push(new Array(1e5).fill({}));
  },
};

class Unruly extends Corom {
  async embed(texts, options) {
    const deed = DEEDS[texts[0]];
    deed?.();
    if (["throw", "end"].includes(texts[0])) await new Promise(() => {});
    return super.embed(texts, options);
  }
}

serve(Unruly, port);
