// GET and POST /search: the catalog of CATALOG_PATH, by keywords and by meaning. With a Vectorize index, its items are those
// nearest to the query.
import { Catalog } from "corom/search";
import { HttpError } from "./http-error.js";
import { fetchFrom, queue, withModel } from "./model.js";
import { ModelSlot } from "./model-slot.js";
import { checkTexts } from "./texts.js";

const slot = new ModelSlot(loadCatalog, queue);
/** The options of `Catalog.search` that a request may have. */
const OPTIONS = ["mode", "filter", "facets", "sort", "topK", "offset", "boost", "distinct", "semanticRatio", "highlight", "explain"];
const DEFAULT_TOP_K = 10;
const MAX_TOP_K = 100;

/** Answers /search. A GET request has the text in `q`, and the options as JSON in `options`. */
export async function search({ body, url, request, env, settings, signal }) {
  const { query, ...options } = body ?? fromAddress(url);
  if (typeof query !== "string") throw new HttpError(422, "invalid_type", "query: expected a string", { param: "query" });
  if (query !== "") checkTexts(query, "query", settings);
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw new HttpError(422, "unknown_option", `${unknown}: not an option; expected ${OPTIONS.join(", ")}`, { param: unknown });
  }
  const topK = Math.min(options.topK ?? DEFAULT_TOP_K, MAX_TOP_K);
  const asked = { env, settings, signal };
  if (env.VECTORIZE) return Response.json(await nearest(asked, query, topK));
  if (settings.catalogPath === "") throw new HttpError(404, "no_catalog", "CATALOG_PATH names no catalog; see README.md of examples/edge");
  return slot.run(asked, async (catalog, signal) => {
    const tag = `"${await hashOf(`${catalog.info.version} ${query} ${JSON.stringify(options)}`)}"`;
    const headers = { etag: tag, "cache-control": settings.searchCacheControl };
    if (body === undefined && names(request.headers.get("if-none-match"), tag)) return new Response(null, { status: 304, headers });
    const vector = await vectorOf(asked, catalog, query, options.mode);
    const { timing, ...result } = await invalidAs422(() => catalog.search(query, { ...options, topK, vector, signal }));
    return Response.json(result, { headers: body === undefined ? headers : {} });
  });
}

/** Returns true if a list of tags has `tag`. A proxy that compresses an answer makes its tag a weak one. */
const names = (list, tag) => (list ?? "").split(",").some((one) => one.trim().replace(/^W\//, "") === tag);

function fromAddress({ searchParams }) {
  try {
    return { query: searchParams.get("q") ?? "", ...JSON.parse(searchParams.get("options") ?? "{}") };
  } catch {
    throw new HttpError(400, "invalid_json", "options: expected JSON", { param: "options" });
  }
}

/** Returns the query's vector, if the catalog has vectors and the mode uses them. */
async function vectorOf(asked, catalog, query, mode) {
  if (catalog.info.vectors === null || mode === "keyword" || query.trim() === "") return undefined;
  return withModel(asked, (corom, signal) => {
    catalog.attach(corom); // it checks that the model is the one that embedded the catalog
    return corom.embed(query, { signal });
  });
}

/** Returns the items of a Vectorize index that are nearest to the query, in the shape of a catalog's result. */
async function nearest(asked, query, topK) {
  const vector = await withModel(asked, (corom, signal) => corom.embed(query, { signal }));
  const { matches } = await asked.env.VECTORIZE.query(Array.from(vector), { topK, returnMetadata: "all" });
  const hits = matches.map(({ id, score, metadata = {} }) => ({ id, score, attributes: metadata }));
  return { hits, total: hits.length, mode: "semantic" };
}

async function loadCatalog({ env, settings }, signal) {
  const catalog = await Catalog.load(`https://catalog.invalid/${settings.catalogPath}/`, { fetch: fetchFrom(env), signal });
  console.log(`loaded ${settings.catalogPath}: ${catalog.info.items} items, ${catalog.memoryBytes} bytes of memory`);
  return catalog;
}

/** A wrong option is the client's mistake. */
async function invalidAs422(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code === "INVALID_ARGUMENT") throw new HttpError(422, "invalid_option", error.message, { cause: error });
    throw error;
  }
}

async function hashOf(text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash, 0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
