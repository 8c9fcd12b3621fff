// `corom/worker` in programs whose `navigator` is not that of the worker: jsdom, happy-dom, Node's flags.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Corom } from "corom/worker";
import { failsWith } from "./support/corom.mjs";
import { MODEL } from "./support/loading.mjs";

const SCRIPT = new URL("../../pkg/worker-thread-node.js", import.meta.url);
/** Starts a worker that has Web Locks, as every worker in Node 24 and later does. */
const withLocks = () =>
  new Worker(
    `const navigator = { locks: { request: (name, held) => Promise.resolve().then(held) } };
     Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
     import(${JSON.stringify(SCRIPT.href)});`,
    { eval: true },
  );

const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
const setNavigator = (value) => Object.defineProperty(globalThis, "navigator", { value, configurable: true, writable: true });
afterEach(() => (before ? Object.defineProperty(globalThis, "navigator", before) : delete globalThis.navigator));

const NAVIGATORS = {
  "no navigator": undefined,
  "a navigator without locks": { userAgent: "jsdom" },
  "locks without functions": { locks: {} },
  "locks that throw": {
    locks: {
      request() {
        throw new Error("not implemented");
      },
    },
  },
  "locks that reject": { locks: { request: async () => Promise.reject(new Error("not allowed")) } },
};

for (const [name, navigator] of Object.entries(NAVIGATORS)) {
  test(`a program with ${name} loads, embeds, unloads and sees a crash`, async () => {
    setNavigator(navigator);
    let worker;
    const corom = await Corom.load(MODEL.files, { worker: () => (worker = withLocks()) });
    assert.ok((await corom.embed("裤")).length > 0);
    await corom.unload();
    assert.ok((await corom.embed("裤")).length > 0);
    const call = failsWith("INTERNAL", corom.embed(Array(2000).fill("裤".repeat(100))));
    await worker.terminate();
    await call;
    corom.free();
  });
}
