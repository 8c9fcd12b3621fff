// Worker host of Node, Deno and Bun: worker_threads.
import path from "node:path";
import { Worker } from "node:worker_threads";
import { gpu, resolveUrl } from "../host-node.js";
import { folderStore } from "../store-folder.js";
import { startWorker } from "./start-worker.js";

/** Returns a host for createWorkerCoromClass. `startDefault(options)` starts this package's own worker script. */
export const nodeHost = (startDefault) => ({
  folderStore,
  resolveUrl,
  gpu,
  binaries: { gpu: true }, // the worker has them
  resolveLocation: (text) => (text === "" || /^((https?|file):|[a-z][a-z0-9+.-]+:\/\/)/i.test(text) ? text : path.resolve(text)),

  resolveBinary: (text) => text, // the worker resolves it, as lib/host-node.js does

  spawn(given, handlers) {
    // Without the program's own flags, because a worker does not start with some of them, such as --input-type.
    const options = { name: "corom", execArgv: [] };
    const worker = startWorker(
      given,
      () => startDefault(options),
      // Node reads a string as a path, so a string with a URL scheme is converted.
      (script) => new Worker(/^(file|data):/i.test(script) ? new URL(script) : script, options),
    );
    worker.on("message", handlers.message);
    worker.on("error", handlers.ended);
    worker.on("messageerror", handlers.ended);
    worker.on("exit", () => handlers.ended());
    return {
      post: (message) => worker.postMessage(message),
      end: () => void worker.terminate(),
      // An idle model must not keep the program running.
      setBusy: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
    };
  },
});
