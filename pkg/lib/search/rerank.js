// Sorts the first hits of a search again by the scores of a reranker.
import { ofType, optional, text, unexpected, wholeNumber } from "../arguments.js";
import { invalid } from "../errors.js";
import { readOptions } from "../option-names.js";

const DEFAULT_DEPTH = 50;
const DEFAULT_TOP_K = 10;
/** The end of the last page of a search. */
const LAST_HIT = 10_000;
const HINTS = { topK: "it is an option of search", limit: "the number of hits to sort again is depth" };

/** Checks the option `rerank`. Returns `{ depth, field, budgetMs, onPartial }`; undefined for false. */
export function rerankOption(value, name) {
  if (value === false) return undefined;
  if (value === true) return { depth: DEFAULT_DEPTH };
  if (typeof value !== "object") throw unexpected(name, value, "true, false or an object: { depth, field, budgetMs, onPartial }");
  const names = ["depth", "field", "budgetMs", "onPartial"];
  const { depth = DEFAULT_DEPTH, ...options } = readOptions(value, names, { call: name, argument: name, hints: HINTS });
  optional(options.onPartial, (f) => ofType(f, `${name}.onPartial`, "function"));
  optional(options.field, (field) => text(field, `${name}.field`));
  const { budgetMs } = options;
  if (budgetMs !== undefined && !(typeof budgetMs === "number" && budgetMs >= 0)) {
    throw unexpected(`${name}.budgetMs`, budgetMs, "milliseconds: a number of at least 0, or Infinity");
  }
  return { depth: wholeNumber(depth, `${name}.depth`, 1), ...options };
}

/**
 * Returns how a request is reranked: the `request` for the first hits, the `page` that is wanted, and what `rerankHits`
 * needs. `fields` are those of the catalog.
 */
export function rerankRequest(request, fields, { depth, field = fields[0].name, ...options }) {
  if (request.sort?.length > 0) throw invalid("rerank: the hits are sorted by an attribute; leave out sort or rerank");
  if (!fields.some(({ name }) => name === field)) {
    const names = fields.map(({ name }) => name).join(", ");
    throw invalid(`rerank.field: the catalog has no field ${JSON.stringify(field)}; its fields are ${names}`);
  }
  const { offset = 0, topK = DEFAULT_TOP_K, pinned = [] } = request;
  const page = { offset, topK };
  return { request: { ...request, offset: 0, topK: Math.max(depth, topK) }, page, depth, field, pinned, options };
}

/**
 * Returns the result of a search with the hits that `rerankHits` takes: those from the first one to the end of the page, or
 * the page alone where it begins after them. `find(request)` searches. `topK` decides which items are hits, so it is one
 * for all pages, and later hits are another page of one search.
 */
export async function firstHits(find, { request, page: { offset, topK } }) {
  const size = request.topK;
  const from = (offset) => find({ ...request, offset, topK: Math.max(topK, Math.min(size, LAST_HIT - offset)) });
  if (offset >= size) return from(offset);
  const result = await find(request);
  if (offset + topK <= size || result.total <= size) return result;
  const { hits } = await from(size);
  return { ...result, hits: [...result.hits, ...hits] };
}

/** Returns the result of a search with the page of its reranked hits. */
export async function rerankHits(result, plan, { reranker, query, timing, signal }) {
  const { page, depth, field, pinned, options } = plan;
  if (page.offset >= plan.request.topK) {
    const hits = result.hits.slice(0, page.topK).map((hit) => withScore(hit, null));
    return { ...result, hits, timing: { ...timing, rerank: 0 } };
  }
  const started = performance.now();
  // Pinned hits stay where they are.
  const fixed = result.hits.filter(({ id }) => pinned.includes(id));
  const others = result.hits.filter(({ id }) => !pinned.includes(id));
  // Hits that came with a later page are not reranked: the first page does not have them.
  const first = others.slice(0, Math.max(0, Math.min(depth, plan.request.topK - fixed.length)));
  const rest = others.slice(first.length).map((hit) => withScore(hit, null));
  const pageOf = (ranked) => {
    const sorted = ranked.map(({ index, score = null }) => withScore(first[index], score));
    const hits = [...fixed.map((hit) => withScore(hit, null)), ...sorted, ...rest].slice(page.offset, page.offset + page.topK);
    return { ...result, hits, timing: { ...timing, rerank: performance.now() - started } };
  };
  const { onPartial, budgetMs } = options;
  const report = onPartial && ((ranked, progress) => onPartial(pageOf(ranked), progress));
  const texts = first.map(({ fields }) => fields[field]);
  return pageOf(await reranker.rerank(query, texts, { budgetMs, onPartial: report, signal }));
}

const withScore = (hit, rerank) => ({ ...hit, scores: { ...hit.scores, rerank } });
