// The converter's host functions for Node, Deno and Bun.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { shownAddress } from "../address.js";
import { unexpected } from "../arguments.js";
import { isUrl } from "../bytes.js";
import { CoromError, invalid, messageOf } from "../errors.js";
import { resolveBinary } from "../host-node.js";
import { startWorker } from "../worker/start-worker.js";
import { memoryOutput, openMemory } from "./host-web.js";
import { StagingFolder } from "./staging-folder.js";

/** Returns a host for createConverter. `startDefault(options)` starts this package's own worker script. */
export const nodeHost = (startDefault) => ({
  resolveBinary,

  spawn(given, handlers) {
    // Without the program's own flags, because a worker does not start with some of them, such as --input-type.
    const options = { name: "corom-convert", execArgv: [] };
    const worker = startWorker(given, () => startDefault(options), (script) => startScript(script, options));
    worker.on("message", handlers.message);
    worker.on("error", handlers.ended);
    worker.on("messageerror", handlers.ended);
    worker.on("exit", () => handlers.ended());
    return { post: (message) => worker.postMessage(message), end: () => worker.terminate() };
  },

  async openSource(source, mustBeFolder = false) {
    // A worker thread cannot read Blobs synchronously.
    if (typeof source !== "string" && !isUrl(source)) return openMemory(source, "a path, ", false);
    const location = pathOf(source, "source");
    return onDisk(location, () => (mustBeFolder ? openFolder(location) : openCheckpoint(location)));
  },

  async openOutput(out, source, force) {
    if (out === undefined) return memoryOutput;
    if (typeof out !== "string" && !isUrl(out)) throw unexpected("out", out, "a path or a file: URL");
    const target = pathOf(out, "out");
    return onDisk(target, () => new StagingFolder(target, source.path, force));
  },
});

// Node reads a string as a path, so a string with a URL scheme is converted.
const startScript = (script, options) => new Worker(/^(file|data):/i.test(script) ? new URL(script) : script, options);

/** Returns the path of a path or a file: URL. */
function pathOf(given, name) {
  if (typeof given === "string" && !/^(https?|file):\/\//i.test(given)) {
    if (given !== "" && !given.includes("\0")) return given;
    throw invalid(`${name}: got ${given === "" ? "an empty string" : "a path with a NUL character"}; expected a path`);
  }
  const address = String(given);
  if (!/^file:/i.test(address)) {
    const next = name === "source" ? ": download the files first" : "";
    throw invalid(`${name}: got the address ${shownAddress(address)}; expected a path${next}`);
  }
  try {
    return fileURLToPath(address);
  } catch (cause) {
    throw invalid(`${name}: ${address} is not the URL of a local file`, { cause });
  }
}

/** Returns what `work` returns. An error of the file system becomes a CoromError. */
function onDisk(location, work) {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof CoromError) throw cause;
    throw new CoromError("FETCH_FAILED", `${location} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
const isFolder = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;

function openFolder(given) {
  if (isFolder(given)) return { folder: { path: given } };
  throw new CoromError("MISSING_FILE", `${given} is not a folder; expected a model folder, with corom.json or an ONNX export`);
}

/**
 * Opens a folder, or the folder of an ONNX file. config.json lies beside the ONNX file, or in the parent folder, as in
 * onnx/model.onnx.
 */
function openCheckpoint(given) {
  if (isFolder(given)) return { folder: { path: given } };
  if (!isFile(given)) {
    const expected = "give the folder of a checkpoint or of an ONNX export, or an .onnx file";
    throw new CoromError("MISSING_FILE", `${given} is neither a folder nor a file; ${expected}`);
  }
  const name = path.basename(given);
  const folder = path.dirname(given);
  const parent = path.dirname(path.resolve(folder));
  if (!isFile(path.join(folder, "config.json")) && isFile(path.join(parent, "config.json"))) {
    return { folder: { path: parent }, onnx: `${path.basename(path.resolve(folder))}/${name}` };
  }
  return { folder: { path: folder }, onnx: name };
}
