// Worker host of browsers: Web Workers.
import { gpu } from "../host-web.js";
import { resolveUrl } from "../page-url.js";
import { startWorker } from "./start-worker.js";

/** Returns a host for createWorkerCoromClass. `startDefault()` starts this package's own worker script. */
export const webHost = (startDefault) => ({
  resolveUrl,
  gpu,
  binaries: { gpu: true }, // the worker has them

  resolveLocation(text) {
    try {
      return new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href;
    } catch {
      return text; // the worker reports what is wrong with it
    }
  },

  spawn(given, handlers) {
    const worker = startWorker(given, startDefault, (url) => new Worker(url, { type: "module" }));
    worker.onmessage = ({ data }) => handlers.message(data);
    worker.onmessageerror = () => handlers.ended(new Error("the worker sent a message that cannot be deserialized"));
    worker.onerror = (event) => {
      event.preventDefault?.(); // the rejected call reports the error
      handlers.ended(event.error ?? (event.message ? new Error(event.message) : undefined));
    };
    return {
      post: (message) => worker.postMessage(message),
      end: () => worker.terminate(),
      setBusy() {},
    };
  },
});
