// worker_threads: Node, and Deno and Bun, which have them too.
import path from "node:path";
import { Worker } from "node:worker_threads";
import { folderStore } from "../store-folder.js";
import { startWorker } from "./start-worker.js";

/** A host for createWorkerCoromClass; `make(options)` starts this package's own script. */
export const nodeHost = (make) => ({
  folderStore,
  resolveAddress: (text) => (text === "" || /^(https?|file):/i.test(text) ? text : path.resolve(text)),

  spawn(given, handlers) {
    // None of the program's own flags: a worker does not start with --input-type, for one.
    const options = { name: "corom", execArgv: [] };
    const worker = startWorker(
      given,
      () => make(options),
      // A string is a path to Node; what begins like a URL is meant as one.
      (script) => new Worker(/^(file|data):/i.test(script) ? new URL(script) : script, options),
    );
    worker.on("message", handlers.message);
    worker.on("error", handlers.ended);
    worker.on("messageerror", handlers.ended);
    worker.on("exit", () => handlers.ended());
    return {
      post: (message) => worker.postMessage(message),
      end: () => void worker.terminate(),
      // An idle model does not keep the program running.
      setBusy: (yes) => (yes ? worker.ref() : worker.unref()),
    };
  },
});
