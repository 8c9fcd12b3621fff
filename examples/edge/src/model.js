// The model of this isolate. The first request loads it; all requests share it, one after the other.
import { Corom } from "corom";
import { HttpError } from "./http-error.js";
import { misconfigured } from "./settings.js";

/** Time that a request waits for the model, and then for its answer. */
const ANSWER_TIMEOUT_MS = 25_000;
/** Error codes after which the instance cannot be used any more. */
const FATAL_CODES = ["INTERNAL", "OUT_OF_MEMORY", "FREED"];

let current; // the result of `startLoading`
let waiting = 0; // requests that are waiting or running

/**
 * Returns the result of `work(corom, signal)`. The signal aborts with the request, or when the answer takes too long.
 */
export async function withModel({ env, settings, signal }, work) {
  return withQueueSlot(env, settings, async (model, corom) => {
    const { answered } = model;
    const limit = timeLimit("the model did not answer in time");
    try {
      const answer = await work(corom, AbortSignal.any([limit.signal, ...(signal ? [signal] : [])]));
      model.answered++;
      return answer;
    } catch (error) {
      // If other requests were answered in the meantime, the model is only busy. Otherwise it is stuck: it may wait for
      // something that ended with the request that started it.
      const isStuck = error === limit.signal.reason && model.answered === answered;
      if (isStuck || FATAL_CODES.includes(error.code)) discard(model);
      throw error.code === "FREED" ? unavailable("the model was unloaded", error) : error;
    } finally {
      limit.end();
    }
  });
}

/** Returns `info` of the model. It does not show whether the model answers calls. */
export async function modelInfo({ env, settings }) {
  return withQueueSlot(env, settings, (_, corom) => corom.info);
}

/** Runs `work` with the model, unless too many requests are waiting. */
async function withQueueSlot(env, settings, work) {
  if (waiting >= settings.maxWaiting) {
    const message = `${waiting} requests are waiting; try again later`;
    throw new HttpError(429, "overloaded", message, { headers: { "retry-after": "1" } });
  }
  waiting++;
  try {
    const model = (current ??= startLoading(env, settings));
    return await work(model, await awaitModel(model));
  } finally {
    waiting--;
  }
}

/**
 * Starts loading a model. In the result, `loading` is the promise, `corom` the loaded instance, `loadController` aborts
 * the load, and `answered` counts the answered requests.
 */
function startLoading(env, settings) {
  const loadController = new AbortController();
  const loading = load(env, settings, loadController.signal);
  const model = { loading, loadController, answered: 0, isDiscarded: false };
  model.loading.then(
    (corom) => (model.isDiscarded ? corom.free() : (model.corom = corom)),
    () => discard(model), // the next request loads it again
  );
  return model;
}

async function load(env, { modelPath, quality }, signal) {
  const source = `https://model.invalid/${modelPath}/`;
  const corom = await Corom.load(source, { fetch: fetchFrom(env), quality, signal });
  console.log(`loaded: ${corom.info.dimension} dimensions, ${corom.info.wasmMemory} bytes of memory`);
  return corom;
}

/** Waits for the model. A load that takes too long is aborted for all requests. */
async function awaitModel(model) {
  const limit = timeLimit("the model is still loading");
  const late = new Promise((_, reject) => (limit.signal.onabort = () => reject(limit.signal.reason)));
  try {
    return await Promise.race([model.loading, late]);
  } catch (error) {
    if (error === limit.signal.reason) discard(model, error);
    throw error;
  } finally {
    limit.end();
  }
}

/** Frees a model, or aborts its load. */
function discard(model, reason) {
  if (current === model) current = undefined;
  model.isDiscarded = true;
  if (model.corom) return model.corom.free();
  try {
    model.loadController.abort(reason);
  } catch (error) {
    // Some hosts allow only the request that started the load to abort it.
    console.error(error);
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

/** Returns the `fetch` of the model's files: from the bucket if one is bound, otherwise from the static assets. */
function fetchFrom({ BUCKET, ASSETS }) {
  if (BUCKET) return (url, { headers } = {}) => fromBucket(BUCKET, new URL(url), new Headers(headers));
  if (ASSETS) return (url, { headers, signal } = {}) => ASSETS.fetch(url, { headers, signal });
  throw misconfigured("neither ASSETS nor BUCKET is bound; bind one of them in wrangler.jsonc");
}

async function fromBucket(bucket, { pathname }, headers) {
  const partial = headers.has("range");
  const object = await bucket.get(decodeURIComponent(pathname.slice(1)), partial ? { range: headers } : {});
  if (!object) return new Response(null, { status: 404 });
  const { offset = 0, length = object.size } = object.range ?? {};
  return new Response(object.body, {
    status: partial ? 206 : 200,
    headers: {
      etag: object.httpEtag,
      "content-length": String(length),
      ...(partial && { "content-range": `bytes ${offset}-${offset + length - 1}/${object.size}` }),
    },
  });
}
