// The engine of `Catalog` in `corom/search-worker`: the catalog is in a worker, which answers several questions at the same
// time. engine.js lists the members of an engine, thread.js has the worker's side. If the worker ends, the next call starts
// another one, which loads the same source.
import { throwIfAborted, untilAborted } from "../abort.js";
import { freedError } from "../model-instance.js";
import { WorkerConnection } from "../worker/connection.js";
import { catalogInfo } from "./info.js";

export class WorkerCatalogEngine {
  #spawn;
  #handlers;
  #message;
  #connection;
  #starting;
  /** Deltas that were applied since the last load: they are applied again in another worker. */
  #deltas = [];
  #snapshot;
  #memory = 0;
  #freed = false;
  parallel = Infinity;
  info = catalogInfo(() => this.#snapshot);
  ready = Promise.resolve();

  /**
   * `spawn(handlers)` starts a worker. `handlers` are those of WorkerConnection, `message` is what the worker loads,
   * `{ source, options }`.
   */
  constructor({ spawn, handlers, message }) {
    this.#spawn = spawn;
    this.#handlers = handlers;
    this.#message = message;
  }

  get memoryBytes() {
    return this.#connection?.ended === false ? this.#memory : 0;
  }

  /** Starts a worker and loads the catalog. An abort terminates the worker, also while vectors are on their way. */
  async start(signal) {
    const connection = (this.#connection = new WorkerConnection(this.#spawn, this.#handlers));
    try {
      await untilAborted(this.#load(connection, signal), signal);
    } catch (error) {
      connection.end(error);
      throw error;
    }
  }

  search(request, vector, { signal, readRows } = {}) {
    return this.#ask("search", [request, vector, readRows], { signal });
  }

  similar(id, request, { signal, readRows } = {}) {
    return this.#ask("similar", [id, request, readRows], { signal });
  }

  suggest(prefix, limit, { signal } = {}) {
    return this.#ask("suggest", [prefix, limit], { signal });
  }

  item(id, { signal } = {}) {
    return this.#ask("item", [id], { signal });
  }

  cluster(k, seed, { signal } = {}) {
    return this.#ask("cluster", [k, seed], { signal });
  }

  project2d({ signal } = {}) {
    return this.#ask("project2d", [], { signal });
  }

  loadRows({ signal, onProgress } = {}) {
    return this.#ask("loadRows", [], { signal, onProgress: onProgress ?? (() => {}) });
  }

  storeRows({ signal, onProgress } = {}) {
    return this.#ask("storeRows", [], { signal, onProgress: onProgress ?? (() => {}) });
  }

  async apply(bytes, { signal } = {}) {
    await this.#ask("apply", [bytes], { signal });
    this.#deltas.push(bytes);
    return this.info;
  }

  async update({ signal, onProgress } = {}) {
    await this.#ask("update", [], { signal, onProgress: onProgress ?? (() => {}) });
    this.#deltas = [];
    this.ready = Promise.resolve();
    return this.info;
  }

  free() {
    this.#freed = true;
    this.#connection.end(freedError());
  }

  async #load(connection, signal) {
    const hasRest = await this.#answer(connection, { load: this.#message });
    for (const bytes of this.#deltas) {
      // The source may have the delta by now.
      await this.#answer(connection, { call: { method: "apply", args: [bytes] } }).catch((error) => {
        if (error?.code !== "INVALID_CATALOG") throw error;
      });
    }
    if (!hasRest) return;
    const rest = this.#answer(connection, { call: { method: "ready", args: [] } }, { signal });
    this.ready = untilAborted(rest, signal);
    this.ready.catch(() => {}); // nobody may wait for it
  }

  async #ask(method, args, options) {
    const connection = await this.#connected(options.signal);
    return untilAborted(this.#answer(connection, { call: { method, args } }, options), options.signal);
  }

  /** Returns the connection to a worker that has the catalog. */
  async #connected(signal) {
    if (this.#freed) throw freedError();
    if (this.#connection.ended) {
      // If this call is aborted, the load continues for the next call.
      this.#starting ??= this.start().finally(() => (this.#starting = undefined));
      this.#starting.catch(() => {});
    }
    if (this.#starting) await untilAborted(this.#starting, signal);
    throwIfAborted(signal);
    return this.#connection;
  }

  /** Asks the worker, takes its state, and returns the value of its answer. */
  async #answer(connection, question, options) {
    const { value, error, memory, snapshot } = await connection.ask(question, options);
    if (memory !== undefined) this.#memory = memory;
    if (snapshot !== undefined) this.#snapshot = Object.freeze(snapshot);
    if (error === undefined) return value;
    if (memory === 0) connection.end(error); // the instance has crashed: the worker is of no more use
    throw error;
  }
}
