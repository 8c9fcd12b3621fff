// The models of this isolate: one that embeds texts, and one that scores pairs of texts if RERANKER_PATH names it.
import { Corom, CoromReranker } from "corom";
import { ModelSlot } from "./model-slot.js";
import { misconfigured } from "./settings.js";

/** The requests that are waiting or running, for whatever model. */
export const queue = { waiting: 0 };
const embedder = new ModelSlot((request, signal) => load(Corom, request, request.settings.modelPath, signal), queue);
const reranker = new ModelSlot((request, signal) => load(CoromReranker, request, request.settings.rerankerPath, signal), queue);

/** Returns the result of `work(corom, signal)`; see ModelSlot. `request` is `{ env, settings, signal }`. */
export const withModel = (request, work) => embedder.run(request, work);

/** Returns the result of `work(reranker, signal)`. */
export const withReranker = (request, work) => reranker.run(request, work);

/** Returns `info` of the model that embeds. */
export const modelInfo = (request) => embedder.info(request);

async function load(Class, { env, settings }, path, signal) {
  const source = `https://model.invalid/${path}/`;
  const instance = await Class.load(source, { fetch: fetchFrom(env), quality: settings.quality, signal });
  console.log(`loaded ${path}: ${instance.info.wasmMemory} bytes of memory`);
  return instance;
}

/** Returns the `fetch` of the model's and the catalog's files: from the bucket if one is bound, otherwise from the static assets. */
export function fetchFrom({ BUCKET, ASSETS }) {
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
