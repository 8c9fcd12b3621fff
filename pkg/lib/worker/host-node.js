// worker_threads: Node, and Deno and Bun, which have them too.
import path from "node:path";
import { Worker } from "node:worker_threads";
import { folderStore } from "../store-folder.js";
import { started } from "./started.js";

/** A host for coromInWorker; `make(options)` starts this package's own script. */
export const nodeHost = (make) => ({
  folderStore,
  address: (text) => (text === "" || /^(https?|file):/i.test(text) ? text : path.resolve(text)),

  spawn(given, heard) {
    // None of the program's own flags: a worker does not start with --input-type, for one.
    const options = { name: "corom", execArgv: [] };
    const worker = started(
      given,
      () => make(options),
      // A string is a path to Node; what begins like a URL is meant as one.
      (script) => new Worker(/^(file|data):/i.test(script) ? new URL(script) : script, options),
    );
    worker.on("message", heard.message);
    worker.on("error", heard.died);
    worker.on("messageerror", heard.died);
    worker.on("exit", () => heard.died());
    return {
      post: (message) => worker.postMessage(message),
      end: () => void worker.terminate(),
      // An idle model does not keep the program running.
      busy: (yes) => (yes ? worker.ref() : worker.unref()),
    };
  },
});
