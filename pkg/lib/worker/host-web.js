// Web Workers, as browsers have them.
import { startWorker } from "./start-worker.js";

/** A host for createWorkerCoromClass; `make()` starts this package's own script. */
export const webHost = (make) => ({
  resolveAddress(text) {
    try {
      return new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href;
    } catch {
      return text; // the worker says what is wrong with it
    }
  },

  spawn(given, handlers) {
    const worker = startWorker(given, make, (url) => new Worker(url, { type: "module" }));
    worker.onmessage = ({ data }) => handlers.message(data);
    worker.onmessageerror = () => handlers.ended(new Error("it sent what cannot be read"));
    worker.onerror = (event) => {
      event.preventDefault?.(); // it is reported by the call
      handlers.ended(event.error ?? (event.message ? new Error(event.message) : undefined));
    };
    return {
      post: (message) => worker.postMessage(message),
      end: () => worker.terminate(),
      setBusy() {},
    };
  },
});
