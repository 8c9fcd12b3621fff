// Runs in the worker: one job, with a WebAssembly instance of its own. The caller ends the worker after it, which frees
// all its memory. Messages:
//
//   caller -> worker   { convert: { source, options, out }, wasm } or { inspect: { source, check }, wasm }
//   worker -> caller   { progress: { phase, loaded, total } }, { line }
//                      { value } or { error }, once
import { DEFAULT_RETRIES, DEFAULT_STALL_TIMEOUT_MS } from "../load-options.js";
import { wasmModule } from "../module.js";
import { Runtime } from "../runtime.js";
import { serializeError } from "../worker/serialize-error.js";
import { createBindings } from "../../wasm/corom-convert.js";

/** The self-test loads the written folder in f32, with the exact kernels and with the relaxed ones. */
const SELF_TEST_LOADS = 3;

/** Answers the job that arrives on `port`. `host` opens folders and fetches the binary. */
export function serveJobs(host, port) {
  const post = (message, buffers = []) => port.postMessage(message, buffers);
  port.onmessage = async ({ data }) => {
    try {
      const runtime = await start(host, data.wasm, post);
      const work = data.convert ? convert : inspect;
      const [value, buffers] = work(host, runtime, data.convert ?? data.inspect, post);
      post({ value }, buffers);
    } catch (thrown) {
      post({ error: serializeError(thrown) });
    }
  };
}

/** Compiles the binary and makes an instance. */
async function start(host, wasm, post) {
  post({ progress: { phase: "wasm", loaded: 0, total: undefined } });
  const download = { retries: DEFAULT_RETRIES, stallTimeoutMs: DEFAULT_STALL_TIMEOUT_MS };
  const { module } = await wasmModule(host, { simd: "convert", wasm, ...download });
  const bindings = createBindings();
  const { memory } = await bindings.init({ module_or_path: module });
  return new Runtime(bindings, memory, "convert");
}

function convert(host, runtime, { source, options, out }, post) {
  const progress = (phase, loaded, total) => post({ progress: { phase, loaded, total } });
  const input = { ...host.openFolder(source), converted: (values, of) => progress("convert", values, of) };
  const output = host.openFolder(out);
  let [written, read] = [0, 0];
  const counted = {
    ...output,
    converted() {},
    write(path, bytes) {
      written += bytes.length;
      output.write(path, bytes);
    },
    readAt(path, offset, bytes) {
      const count = output.readAt(path, offset, bytes);
      read += count;
      progress("self-test", read, SELF_TEST_LOADS * written);
      return count;
    },
  };
  try {
    const value = runtime.call((bindings) => bindings.convertFolder(input, options, counted));
    const { files, buffers } = output.result();
    return [{ ...value, files }, buffers];
  } finally {
    input.close();
    output.close();
  }
}

function inspect(host, runtime, { source, check }, post) {
  const folder = { ...host.openFolder(source), converted() {} };
  try {
    runtime.call((bindings) => bindings.inspectFolder(folder, check, (line) => post({ line })));
    return [undefined, []];
  } finally {
    folder.close();
  }
}
