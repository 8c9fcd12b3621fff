// Makes the functions of `corom/convert` for one host.
import { untilAborted } from "../abort.js";
import { isResponse, isUrl } from "../bytes.js";
import { CoromError, messageOf } from "../errors.js";
import { runJob } from "./job.js";
import { convertOptions, inspectOptions } from "./options.js";

/**
 * `host.spawn(worker, handlers)` starts a worker. `host.openSource(source, forFolder)` returns `{ folder, onnx }`, a
 * folder that the worker opens. `host.openOutput(out, source, force)` returns `{ folder, commit, discard }`.
 * `host.resolveBinary(address)` makes an address of the option `wasm` absolute.
 */
export function createConverter(host) {
  const wasmOf = async (wasm, signal) => {
    const given = await untilAborted(
      Promise.resolve(wasm).catch((cause) => {
        throw new CoromError("FETCH_FAILED", `wasm: the promise was rejected: ${messageOf(cause)}`, { cause });
      }),
      signal,
    );
    const addresses = [given].flat();
    if (addresses.length > 0 && addresses.every((address) => isUrl(address) || typeof address === "string")) {
      return Promise.all(addresses.map(async (address) => (await host.resolveBinary(address)).href));
    }
    return isResponse(given) ? new Uint8Array(await untilAborted(given.arrayBuffer(), signal)) : given;
  };

  return {
    async convert(source, options) {
      const { out, force, onProgress, signal, wasm, worker, core } = convertOptions(options);
      const receive = ({ progress }) => progress && onProgress?.(progress);
      const { folder, onnx } = await untilAborted(host.openSource(source), signal);
      const output = await host.openOutput(out, folder, force);
      try {
        const job = { source: folder, options: { ...core, onnx }, out: output.folder };
        const message = { convert: job, wasm: await wasmOf(wasm, signal) };
        const { files, ...conversion } = await runJob(host.spawn, message, { worker, signal, receive });
        onProgress?.({ phase: "done", loaded: 1, total: 1 }); // before the folder appears, because it may throw
        await output.commit();
        return { ...conversion, ...(files && { files: Object.fromEntries(files) }) };
      } catch (error) {
        await output.discard();
        throw error;
      }
    },

    async inspect(source, options) {
      const { check, onLine, signal, wasm, worker } = inspectOptions(options);
      const lines = [];
      const receive = ({ line }) => {
        if (line === undefined) return;
        lines.push(line);
        onLine?.(line);
      };
      const { folder } = await untilAborted(host.openSource(source, true), signal);
      const message = { inspect: { source: folder, check }, wasm: await wasmOf(wasm, signal) };
      await runJob(host.spawn, message, { worker, signal, receive });
      return lines;
    },
  };
}
