// One model of this isolate. The first request that needs it loads it; all requests share it, one after the other.
import { HttpError } from "./http-error.js";

/** Time that a request waits for the model, and then for its answer. */
const ANSWER_TIMEOUT_MS = 25_000;
/** Error codes after which the instance cannot be used any more. */
const FATAL_CODES = ["INTERNAL", "OUT_OF_MEMORY", "FREED"];

export class ModelSlot {
  #load;
  #queue;
  #current; // the result of `#startLoading`

  /**
   * `load({ env, settings }, signal)` loads the model. `queue.waiting` is the number of requests that are waiting or
   * running; all slots of an isolate have the same queue.
   */
  constructor(load, queue) {
    this.#load = load;
    this.#queue = queue;
  }

  /**
   * Returns the result of `work(instance, signal)`. The signal aborts with the request, or when the answer takes too long.
   */
  async run(request, work) {
    return this.#withQueueSlot(request, async (model, instance) => {
      const { answered } = model;
      const { signal } = request;
      const limit = timeLimit("the model did not answer in time");
      try {
        const answer = await work(instance, AbortSignal.any([limit.signal, ...(signal ? [signal] : [])]));
        model.answered++;
        return answer;
      } catch (error) {
        // If other requests were answered in the meantime, the model is only busy. Otherwise it is stuck: it may wait for
        // something that ended with the request that started it.
        const isStuck = error === limit.signal.reason && model.answered === answered;
        if (isStuck || FATAL_CODES.includes(error.code)) this.#discard(model);
        throw error.code === "FREED" ? unavailable("the model was unloaded", error) : error;
      } finally {
        limit.end();
      }
    });
  }

  /** Returns `info` of the model. It does not show whether the model answers calls. */
  async info(request) {
    return this.#withQueueSlot(request, (_, instance) => instance.info);
  }

  /** Runs `work` with the model, unless too many requests are waiting. */
  async #withQueueSlot(request, work) {
    const { waiting } = this.#queue;
    if (waiting >= request.settings.maxWaiting) {
      const message = `${waiting} requests are waiting; try again later`;
      throw new HttpError(429, "overloaded", message, { headers: { "retry-after": "1" } });
    }
    this.#queue.waiting++;
    try {
      const model = (this.#current ??= this.#startLoading(request));
      return await work(model, await this.#awaitModel(model));
    } finally {
      this.#queue.waiting--;
    }
  }

  /**
   * Starts loading the model. In the result, `loading` is the promise, `instance` the loaded instance, `loadController`
   * aborts the load, and `answered` counts the answered requests.
   */
  #startLoading(request) {
    const loadController = new AbortController();
    const loading = this.#load(request, loadController.signal);
    const model = { loading, loadController, answered: 0, isDiscarded: false };
    model.loading.then(
      (instance) => (model.isDiscarded ? instance.free() : (model.instance = instance)),
      () => this.#discard(model), // the next request loads it again
    );
    return model;
  }

  /** Waits for the model. A load that takes too long is aborted for all requests. */
  async #awaitModel(model) {
    const limit = timeLimit("the model is still loading");
    const late = new Promise((_, reject) => (limit.signal.onabort = () => reject(limit.signal.reason)));
    try {
      return await Promise.race([model.loading, late]);
    } catch (error) {
      if (error === limit.signal.reason) this.#discard(model, error);
      throw error;
    } finally {
      limit.end();
    }
  }

  /** Frees a model, or aborts its load. */
  #discard(model, reason) {
    if (this.#current === model) this.#current = undefined;
    model.isDiscarded = true;
    if (model.instance) return model.instance.free();
    try {
      model.loadController.abort(reason);
    } catch (error) {
      // Some hosts allow only the request that started the load to abort it.
      console.error(error);
    }
  }
}

/** Returns a signal that aborts with a 503 error after the time limit, and `end`, which stops the timer. */
function timeLimit(message) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(unavailable(message)), ANSWER_TIMEOUT_MS);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}

const unavailable = (message, cause) =>
  new HttpError(503, "unavailable", `${message}; try again later`, { headers: { "retry-after": "5" }, cause });
