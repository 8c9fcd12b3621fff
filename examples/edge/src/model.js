// The model: loaded once for the isolate, whoever asks first, and used by one request after the other.
import { Corom } from "corom";
import { Refusal } from "./refusal.js";
import { misconfigured } from "./settings.js";

/** Milliseconds that a request waits for the model, and then for its answer. */
const PATIENCE = 25_000;
/** After these the instance is of no use. */
const CRASHES = ["INTERNAL", "OUT_OF_MEMORY", "FREED"];

let current; // what `begin` gives
let waiting = 0;

/** What `work(corom, signal)` gives. The signal aborts with the request's own, and when the answer takes too long. */
export async function withModel({ env, settings, signal }, work) {
  return inTurn(env, settings, async (mine, corom) => {
    const { answered } = mine;
    const patience = patienceFor("the model does not answer in time");
    try {
      const answer = await work(corom, AbortSignal.any([patience.signal, ...(signal ? [signal] : [])]));
      mine.answered++;
      return answer;
    } catch (error) {
      // Others may have had their answers meanwhile: then the model was only busy. Where nobody had one it is stuck,
      // as what it waits for may have ended with the request that began it.
      const stuck = error === patience.signal.reason && mine.answered === answered;
      if (stuck || CRASHES.includes(error.code)) drop(mine);
      throw error.code === "FREED" ? unavailable("the model was given up meanwhile", error) : error;
    } finally {
      patience.end();
    }
  });
}

/** `info` of the model. It tells nothing of whether calls are answered. */
export async function modelInfo({ env, settings }) {
  return inTurn(env, settings, (_, corom) => corom.info);
}

async function inTurn(env, settings, work) {
  if (waiting >= settings.maxWaiting) {
    throw new Refusal(429, "overloaded", "too many requests are waiting", { headers: { "retry-after": "1" } });
  }
  waiting++;
  try {
    const mine = (current ??= begin(env, settings));
    return await work(mine, await loaded(mine));
  } finally {
    waiting--;
  }
}

/** `loading` is the promise, `corom` what came of it, `ending` ends the load, `answered` counts the answers. */
function begin(env, settings) {
  const ending = new AbortController();
  const mine = { loading: load(env, settings, ending.signal), ending, answered: 0, dropped: false };
  mine.loading.then(
    (corom) => (mine.dropped ? corom.free() : (mine.corom = corom)),
    () => drop(mine), // the next request tries again
  );
  return mine;
}

async function load(env, { modelPath, precision }, signal) {
  const source = `https://model.invalid/${modelPath}/`;
  const corom = await Corom.load(source, { fetch: fetchFrom(env), precision, signal });
  console.log(`loaded: ${corom.info.dimension} dimensions, ${corom.info.wasmMemory} bytes of memory`);
  return corom;
}

/** The model, as long as a request waits for it. A load that takes longer is given up, for all. */
async function loaded(mine) {
  const patience = patienceFor("the model is still loading");
  const late = new Promise((_, reject) => (patience.signal.onabort = () => reject(patience.signal.reason)));
  try {
    return await Promise.race([mine.loading, late]);
  } catch (error) {
    if (error === patience.signal.reason) drop(mine, error);
    throw error;
  } finally {
    patience.end();
  }
}

function drop(given, reason) {
  if (current === given) current = undefined;
  given.dropped = true;
  if (given.corom) return given.corom.free();
  try {
    given.ending.abort(reason);
  } catch (error) {
    // The host may let only the request that began the load end what that waits for.
    console.error(error);
  }
}

/** A signal that aborts with a refusal, unless it is ended before. */
function patienceFor(what) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(unavailable(what)), PATIENCE);
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}

const unavailable = (what, cause) =>
  new Refusal(503, "unavailable", what, { headers: { "retry-after": "5" }, cause });

/** Where the model's files come from: a bucket where there is one, else the static assets. */
function fetchFrom({ BUCKET, ASSETS }) {
  if (BUCKET) return (url, { headers } = {}) => fromBucket(BUCKET, new URL(url), new Headers(headers));
  if (ASSETS) return (url, { headers, signal } = {}) => ASSETS.fetch(url, { headers, signal });
  throw misconfigured("neither ASSETS nor BUCKET is bound");
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
