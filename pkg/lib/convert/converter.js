// Makes the functions of `corom/convert` for one host.
import { untilAborted } from "../abort.js";
import { readArgument, readError } from "../arguments.js";
import { inThisRealm, isResponse, isUrl } from "../bytes.js";
import { CoromError, messageOf } from "../errors.js";
import { checkWasmResponse } from "../wasm-response.js";
import { runJob } from "./job.js";
import { convertOptions, inspectOptions } from "./options.js";

/** Checks options with `check`. A rejected `wasm` promise is reported when the binary is needed, not before. */
function readGiven(options, check) {
  return readArgument("options", () => {
    Promise.resolve(options?.wasm).catch(() => {});
    return check(options);
  });
}

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
    if (!isResponse(given)) return given;
    checkWasmResponse(given);
    const bytes = given.arrayBuffer().catch((cause) => {
      throw new CoromError("FETCH_FAILED", `wasm: the body of the Response cannot be read: ${messageOf(cause)}`, { cause });
    });
    return new Uint8Array(await untilAborted(bytes, signal));
  };
  const openSource = async (source, mustBeFolder) => {
    try {
      return await host.openSource(source, mustBeFolder);
    } catch (thrown) {
      throw readError("source", thrown);
    }
  };

  return {
    async convert(source, options) {
      const { out, force, onProgress, signal, wasm, worker, core } = readGiven(options, convertOptions);
      const receive = ({ progress }) => progress && onProgress?.(progress);
      const { folder, onnx } = await untilAborted(openSource(source), signal);
      const output = await host.openOutput(out, folder, force);
      try {
        const job = { source: folder, options: { ...core, onnx }, out: output.folder };
        const message = { convert: job, wasm: await wasmOf(wasm, signal) };
        const { files, ...conversion } = await runJob(host.spawn, message, { worker, signal, receive });
        onProgress?.({ phase: "done", loaded: 1, total: 1 }); // before the folder appears, because it may throw
        await output.commit();
        const here = files?.map(([path, contents]) => [path, inThisRealm(contents)]);
        return { ...conversion, ...(here && { files: Object.fromEntries(here) }) };
      } catch (error) {
        await Promise.resolve().then(() => output.discard()).catch(() => {}); // the first error says more
        throw error;
      }
    },

    async inspect(source, options) {
      const { check, onLine, signal, wasm, worker } = readGiven(options, inspectOptions);
      const lines = [];
      const receive = ({ line }) => {
        if (line === undefined) return;
        lines.push(line);
        onLine?.(line);
      };
      const { folder } = await untilAborted(openSource(source, true), signal);
      const message = { inspect: { source: folder, check }, wasm: await wasmOf(wasm, signal) };
      await runJob(host.spawn, message, { worker, signal, receive });
      return lines;
    },
  };
}
