// A worker script for tests: the package's own, with a model that misbehaves when it embeds certain texts.
//
// In Node a test may pass `workerData: sharedState()` of unruly-state.mjs, to count and to halt the steps of calls and
// to measure the worker's memory.
import { Engine } from "../../../pkg/lib/engine.js";
import { Runtime } from "../../../pkg/lib/runtime.js";
import { serve } from "../../../pkg/lib/worker/thread.js";

const isWeb = typeof self === "object";
const { Corom, CoromReranker } = await import(isWeb ? "../../../pkg/browser.js" : "../../../pkg/node.js");
const { parentPort, workerData } = isWeb ? {} : await import("node:worker_threads");
const state = workerData && (await import("./unruly-state.mjs")).threadSide(workerData);

// (module (func (export "trap") unreachable))
const TRAP = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0, 10, 5, 1, 3, 0, 0,
  11,
];
const { trap } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(TRAP))).exports;

/** Runs inside the instance at its next call. */
let fault;
const { call } = Runtime.prototype;
Runtime.prototype.call = function (work) {
  const first = fault;
  fault = undefined;
  state?.step();
  return call.call(this, (bindings) => (first?.(), work(bindings)));
};

const FAULTS = {
  trap: () => (fault = trap),
  "no memory": () =>
    (fault = () => {
      throw new RangeError("WebAssembly.Memory.grow(): Maximum memory size exceeded");
    }),
  block: () => {
    for (;;);
  },
  throw: () =>
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }),
  end: () => (isWeb ? self.close() : process.exit()),
  heap: () => {
    for (const held = []; ;) held.push(new Array(1e5).fill({}));
  },
  measure: () => state.measure(),
};

const { embed } = Engine.prototype;
Engine.prototype.embed = async function (texts, ...more) {
  await FAULTS[texts[0]]?.();
  if (["throw", "end"].includes(texts[0])) await new Promise(() => {});
  return embed.call(this, texts, ...more);
};

serve({ Corom, CoromReranker }, isWeb ? self : parentPort);
