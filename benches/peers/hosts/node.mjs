// Node as a host: every agent is a process.
import { fork } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { MODELS, PACKAGES, ROOT, WORK, modelParts, searchParts } from "./files.mjs";

const WEBGPU = new URL("./node-webgpu.mjs", import.meta.url).href;
const CHILD = new URL("./node-child.mjs", import.meta.url);
// Node 20 and 21 have relaxed SIMD behind a flag.
const FLAGS = Number(process.versions.node.split(".")[0]) < 22 ? ["--experimental-wasm-relaxed-simd"] : [];

const address = (...parts) => pathToFileURL(path.join(...parts)).href;

/** With `webgpu`, agents have Dawn's WebGPU. */
export async function nodeHost({ webgpu = false } = {}) {
  const execArgv = webgpu ? [...FLAGS, "--import", WEBGPU] : FLAGS;
  return {
    name: "node",
    version: `Node ${process.versions.node}, V8 ${process.versions.v8}`,
    place: (model) => ({
      corom: address(ROOT, "pkg/node.js"),
      coromWorker: address(ROOT, "pkg/worker-node.js"),
      onnxruntime: address(PACKAGES, "onnxruntime-web/dist/ort.node.min.mjs"),
      onnxruntimeWebgpu: address(PACKAGES, "onnxruntime-web/dist/ort.webgpu.bundle.min.mjs"),
      model: modelParts(path.join(MODELS, model)),
    }),
    searchPlace: (name) => ({
      data: path.join(WORK, "search", name),
      ...searchParts(`${address(ROOT, "pkg")}/`, {
        entry: "search-node.js",
        worker: "search-worker-node.js",
        corom: address(ROOT, "pkg/node.js"),
        packages: `${address(PACKAGES)}/`,
        raw: `${PACKAGES}/`,
        wasm: path.join(ROOT, "pkg/wasm/corom-search.wasm"),
      }),
    }),
    agent: async () => agentIn(fork(CHILD, { execArgv, serialization: "advanced" })),
    close: async () => {},
  };
}

function agentIn(child) {
  let waiting;
  const settle = (outcome) => {
    const { resolve, reject } = waiting ?? {};
    waiting = undefined;
    if (outcome.error) reject?.(outcome.error);
    else resolve?.(outcome.value);
  };
  child.on("message", ({ value, error }) => settle({ value, error: error && new Error(error) }));
  child.on("error", (error) => settle({ error }));
  child.on("exit", (code, signal) => settle({ error: new Error(`the process ended: ${signal ?? `exit ${code}`}`) }));
  return {
    call: (method, ...list) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        child.send({ method, list });
      }),
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
  };
}
