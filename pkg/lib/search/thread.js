// Runs in the worker of `corom/search-worker`. Holds the catalog, and answers the messages of the page (see
// ../worker/connection.js), several at the same time.
import { onAbort, reasonOf } from "../abort.js";
import { remoteFetch } from "../worker/fetch.js";
import { deserialize } from "../worker/serialize.js";
import { serializeError } from "../worker/serialize-error.js";
import { holdLock } from "../worker/lock.js";
import { CatalogEngine } from "./engine.js";
import { catalogLoadOptions } from "./load-options.js";

/** Calls that the page can make: the methods of CatalogEngine. */
const METHODS = {
  search: (engine, [request, vector, readRows], { signal }) => engine.search(request, vector, { signal, readRows }),
  similar: (engine, [id, request, readRows], { signal }) => engine.similar(id, request, { signal, readRows }),
  suggest: (engine, args) => engine.suggest(...args),
  item: (engine, args) => engine.item(...args),
  cluster: (engine, args) => engine.cluster(...args),
  project2d: (engine) => engine.project2d(),
  loadRows: async (engine, _, options) => void (await engine.loadRows(options)),
  storeRows: (engine, _, options) => engine.storeRows(options),
  apply: async (engine, [bytes], options) => void (await engine.apply(bytes, options)),
  update: async (engine, _, options) => void (await engine.update(options)),
  ready: (engine, _, { signal, loading }) => {
    onAbort(signal, () => loading.abort(reasonOf(signal)));
    return engine.ready;
  },
};

/** Answers messages on `port`. `host` has the functions of host-web.js or host-node.js, and `searchBinary`. */
export async function serveCatalog(host, port) {
  const post = (message, transferred = []) => port.postMessage(message, transferred);
  const running = new Map(); // AbortControllers by the id of the question
  let engine;
  let loading; // AbortController of the load, also while vectors are on their way
  let snapshot; // what the page does not know yet

  const reporter = (id) => ({ cause, ...event }) => post({ progress: event, cause: cause && serializeError(cause), id });

  const load = async ({ source, options }) => {
    const remote = (shared) => remoteFetch(shared, post);
    loading = new AbortController();
    const given = { ...deserialize(options, remote), onProgress: reporter(), signal: loading.signal };
    engine = await CatalogEngine.load(host, deserialize(source, remote), catalogLoadOptions(given));
    snapshot = { ...engine.info };
    engine.onChange = (changed) => (snapshot = changed);
    return engine.isPartial;
  };

  const answerOf = async ({ id, load: message, call }, signal) => {
    if (message) return load(message);
    return METHODS[call.method](engine, call.args, { signal, loading, onProgress: reporter(id) });
  };

  port.onmessage = async ({ data }) => {
    const { id, abort } = data;
    if (abort !== undefined) return running.get(abort)?.abort();
    const controller = new AbortController();
    running.set(id, controller);
    const message = await answerOf(data, controller.signal).then(
      (value) => ({ value }),
      (thrown) => ({ error: serializeError(thrown) }),
    );
    running.delete(id);
    post({ answer: { id, ...message, memory: engine?.memoryBytes, snapshot } });
    snapshot = undefined;
  };
  post({ ready: { lock: await holdLock() } });
}
