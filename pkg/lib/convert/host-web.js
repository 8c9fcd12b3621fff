// The converter's host functions for browsers.
import { shownAddress } from "../address.js";
import { unexpected } from "../arguments.js";
import { isBytes, isResponse, isUrl, uint8ArrayOf } from "../bytes.js";
import { CoromError, invalid, messageOf } from "../errors.js";
import { resolveBinary } from "../host-web.js";
import { blobOf, filesOf } from "../source-memory.js";
import { encodeText } from "../text.js";
import { startWorker } from "../worker/start-worker.js";

/** Returns a host for createConverter. `startDefault()` starts this package's own worker script. */
export const webHost = (startDefault) => ({
  resolveBinary,

  spawn(given, handlers) {
    const worker = startWorker(given, startDefault, (url) => new Worker(url, { type: "module" }));
    worker.onmessage = ({ data }) => handlers.message(data);
    worker.onmessageerror = () => handlers.ended(new Error("a message cannot be deserialized"));
    worker.onerror = (event) => {
      event.preventDefault?.(); // the rejected call reports the error
      handlers.ended(event.error ?? (event.message ? new Error(event.message) : undefined));
    };
    return { post: (message) => worker.postMessage(message), end: () => worker.terminate() };
  },

  openSource: (source) => openMemory(source),

  async openOutput(out) {
    if (out === undefined) return memoryOutput;
    throw unexpected("out", out, "nothing: there is no file system here, and the result has the files");
  },
});

/** The files of the new folder are in the result of `convert`. */
export const memoryOutput = { folder: {}, commit() {}, discard() {} };

/**
 * Opens files in memory: a list of File, a Map or an object. Contents become Uint8Arrays or, if `keepsBlobs`, stay Blobs,
 * which the worker reads by ranges.
 */
export async function openMemory(source, otherSources = "", keepsBlobs = true) {
  if (typeof source === "string" || isUrl(source)) {
    const next = "expected the files of a checkpoint: download them first, then open their folder";
    throw invalid(`source: got the address ${shownAddress(String(source))}; ${next}`);
  }
  const read = async ([path, given]) => [path, await contentsOf(path, given, keepsBlobs)];
  return { folder: { files: await Promise.all([...filesOf(source, otherSources)].map(read)) } };
}

async function contentsOf(path, given, keepsBlobs) {
  const name = `source[${JSON.stringify(path)}]`;
  if (typeof given === "string") return encodeText(given);
  if (isBytes(given)) return uint8ArrayOf(given, name);
  const blob = isResponse(given) ? await blobOf(path, given) : given;
  // Others than the host's own Blobs cannot be sent to a worker.
  if (keepsBlobs && /^\[object (Blob|File)\]$/.test(Object.prototype.toString.call(blob))) return blob;
  try {
    return uint8ArrayOf(await blob.arrayBuffer(), name);
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `${path}: the file cannot be read: ${messageOf(cause)}`, { cause });
  }
}
