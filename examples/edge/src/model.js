// The model: loaded once for the isolate, whoever asks first, and used by one request after the other.
import { Corom } from "corom";
import { Refusal } from "./refusal.js";
import { misconfigured } from "./settings.js";

/** Milliseconds that a request waits for the model, and then for its answer. */
const PATIENCE = 25_000;
/** After these the instance is of no use. */
const CRASHES = ["INTERNAL", "OUT_OF_MEMORY", "FREED"];

let current; // { loading, corom }: the promise, and what came of it
let waiting = 0;

/** What `work(corom)` gives. */
export async function withModel(env, settings, work) {
  if (waiting >= settings.maxWaiting) {
    throw new Refusal(429, "overloaded", "too many requests are waiting", { headers: { "retry-after": "1" } });
  }
  waiting++;
  const mine = (current ??= begin(env, settings));
  try {
    const corom = await patiently(mine.loading, "the model is still loading");
    return await patiently(work(corom), "the model does not answer");
  } catch (error) {
    // A stuck model is given up too: what it waits for may have ended with the request that began it.
    if (error.code === "unavailable" || CRASHES.includes(error.code)) drop(mine);
    throw error;
  } finally {
    waiting--;
  }
}

function begin(env, settings) {
  const mine = { loading: load(env, settings) };
  mine.loading.then(
    (corom) => (mine.corom = corom),
    () => drop(mine), // the next request tries again
  );
  return mine;
}

async function load(env, { modelPath, precision }) {
  const corom = await Corom.load(`https://model.invalid/${modelPath}/`, { fetch: fetchFrom(env), precision });
  console.log(`loaded: ${corom.info.dimension} dimensions, ${corom.info.wasmMemory} bytes of memory`);
  return corom;
}

function drop(given) {
  if (current === given) current = undefined;
  given.corom?.free();
}

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

async function patiently(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    const refusal = new Refusal(503, "unavailable", what, { headers: { "retry-after": "5" } });
    timer = setTimeout(() => reject(refusal), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
