// Reads the search parameters of a request: https://www.algolia.com/doc/api-reference/search-api-parameters/
import { describeValue, text, unexpected, wholeNumber } from "../arguments.js";
import { invalid } from "../errors.js";
import { nearestName } from "../option-names.js";
import { attributeOf } from "./attributes.js";
import { facetFilters, numericFilters } from "./filter-lists.js";
import { parseFilters } from "./filter-text.js";

const DEFAULT_HITS = 20;
const DEFAULT_FACET_VALUES = 100;
/** The catalog returns no hit after this one. */
export const LAST_HIT = 10_000;

/** Parameters that change what is found or shown. */
const READ = [
  "query", "page", "hitsPerPage", "offset", "length", "facets", "facetFilters", "numericFilters", "filters", "tagFilters", "distinct",
  "maxValuesPerFacet", "sortFacetValuesBy", "highlightPreTag", "highlightPostTag", "attributesToHighlight", "attributesToSnippet",
  "attributesToRetrieve", "maxFacetHits",
];
/** Parameters that change no hit: statistics, and what only a server has. */
const WITHOUT_EFFECT = [
  "analytics", "analyticsTags", "clickAnalytics", "userToken", "enablePersonalization", "personalizationImpact", "enableABTest",
  "enableReRanking", "enableRules", "ruleContexts", "getRankingInfo", "percentileComputation", "responseFields", "queryLanguages",
  "naturalLanguages", "snippetEllipsisText", "facetingAfterDistinct", "synonyms", "replaceSynonymsInHighlight", "maxFacetHits",
  "restrictHighlightAndSnippetArrays", "indexLanguages", "decompoundQuery", "explain", "index", "renderingContent",
];

/**
 * Returns `{ query, options, page, hitsPerPage, tags, retrieved, … }`: `options` are those of `Catalog.search`. `info` is
 * the catalog's, `common` has the options of the index name.
 */
export function readParams(params, info, common) {
  checkNames(params);
  const { query = "", page, hitsPerPage, distinct, maxValuesPerFacet = DEFAULT_FACET_VALUES, sortFacetValuesBy = "count" } = params;
  const size = pageOf(params, { page, hitsPerPage });
  const facets = facetNames(params.facets, info);
  const limit = sortFacetValuesBy === "alpha" ? LAST_HIT : wholeNumber(maxValuesPerFacet, "maxValuesPerFacet", 0);
  const conditions = [
    ...conditionOf(common.filter),
    ...facetFilters(params.facetFilters, info.attributes),
    ...numericFilters(params.numericFilters, info.attributes),
    ...parseFilters(params.filters, info.attributes),
  ];
  const options = {
    ...common,
    topK: size.hitsPerPage,
    offset: size.offset,
    facets: facets.map((attribute) => ({ attribute, limit, disjunctive: false })),
    filter: conditions.length === 0 ? undefined : { and: conditions },
    distinct: distinctOf(distinct, common.distinct),
  };
  return {
    query: text(query ?? "", "query"),
    options,
    ...size,
    facetOrder: sortFacetValuesBy,
    maxValuesPerFacet,
    tags: [params.highlightPreTag ?? "<em>", params.highlightPostTag ?? "</em>"],
    retrieved: namesOf(params.attributesToRetrieve, "attributesToRetrieve"),
    snippets: params.attributesToSnippet === undefined ? undefined : namesOf(params.attributesToSnippet, "attributesToSnippet"),
  };
}

function checkNames(params) {
  for (const [name, value] of Object.entries(params)) {
    if (READ.includes(name) || WITHOUT_EFFECT.includes(name) || isNothing(value)) continue;
    const nearest = nearestName(name, READ);
    const next = nearest === undefined ? "corom/instantsearch does not have this parameter, which changes the hits" : `did you mean ${nearest}?`;
    throw invalid(`params.${name}: got ${describeValue(value)}; ${next}`);
  }
  if (!isNothing(params.tagFilters)) throw invalid("params.tagFilters: the catalog has no _tags; use facetFilters with an attribute");
}

/** InstantSearch sends parameters that its state leaves empty. */
const isNothing = (value) => value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);

function pageOf({ offset, length }, { page, hitsPerPage }) {
  if (offset !== undefined || length !== undefined) {
    const count = wholeNumber(length ?? DEFAULT_HITS, "length", 0);
    return { page: 0, hitsPerPage: count, offset: withinLimit(wholeNumber(offset ?? 0, "offset", 0), count) };
  }
  const count = wholeNumber(hitsPerPage ?? DEFAULT_HITS, "hitsPerPage", 0);
  const number = wholeNumber(page ?? 0, "page", 0);
  return { page: number, hitsPerPage: count, offset: withinLimit(number * count, count) };
}

function withinLimit(offset, count) {
  if (offset + count <= LAST_HIT) return offset;
  throw invalid(`page: hits ${offset} to ${offset + count} are wanted; a catalog returns the first ${LAST_HIT}`);
}

function facetNames(facets, { attributes }) {
  const names = typeof facets === "string" ? [facets] : (namesOf(facets, "facets") ?? []);
  const known = attributes.map(({ name }) => name);
  if (names.includes("*")) return known;
  for (const name of names) attributeOf(name, attributes, "facets");
  return [...new Set(names)];
}

function namesOf(value, name) {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.some((one) => typeof one !== "string")) throw unexpected(`params.${name}`, value, "an array of names");
  return value;
}

/** `true` means the attribute of the options; InstantSearch cannot name one. */
function distinctOf(wanted, attribute) {
  if (wanted === undefined || wanted === null) return attribute;
  if (wanted === false || wanted === 0) return undefined;
  if (wanted !== true && wanted !== 1) throw invalid(`params.distinct: got ${describeValue(wanted)}; a catalog keeps one hit per value: true or false`);
  if (attribute === undefined) throw invalid("params.distinct: name the attribute in createSearchClient(catalog, { search: { distinct } })");
  return attribute;
}

const conditionOf = (filter) => (filter === undefined ? [] : [filter]);
