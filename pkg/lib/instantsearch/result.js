// A result of `Catalog.search` as the response that InstantSearch reads.
import { LAST_HIT } from "./params.js";
import { highlighted } from "./highlight.js";

/** Returns the response to a request. `read` is what readParams returned. */
export function resultOf(found, read, { index, params }) {
  const { hits, total, exact, timing } = found;
  const { hitsPerPage, page, query, tags } = read;
  const reachable = Math.min(total, LAST_HIT);
  return {
    hits: hits.map((hit) => hitOf(hit, read, tags)),
    nbHits: total,
    page,
    nbPages: hitsPerPage === 0 ? 0 : Math.ceil(reachable / hitsPerPage),
    hitsPerPage,
    ...facetsOf(found, read),
    exhaustiveFacetsCount: exact,
    exhaustiveNbHits: exact,
    query,
    params: new URLSearchParams(Object.entries(params).map(([name, value]) => [name, textOf(value)])).toString(),
    processingTimeMS: Math.round(timing.embed + timing.search),
    index,
  };
}

const textOf = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

function hitOf(hit, { retrieved, snippets }, tags) {
  const stored = hit.stored !== null && typeof hit.stored === "object" && !Array.isArray(hit.stored) ? hit.stored : {};
  const all = { ...stored, ...hit.attributes, ...hit.fields };
  const highlights = {};
  for (const [name, value] of Object.entries(all)) {
    const entry = highlightOf(value, hit.highlights?.[name], tags);
    if (entry !== undefined) highlights[name] = entry;
  }
  const result = { ...chosen(all, retrieved), objectID: hit.id, _highlightResult: highlights };
  if (snippets !== undefined) {
    const names = snippets.map((name) => name.replace(/:\d+$/, ""));
    result._snippetResult = chosen(highlights, names.includes("*") ? undefined : names);
  }
  return result;
}

/** Texts and lists of texts can be shown by the Highlight widget, which shows nothing for what has no entry. */
function highlightOf(value, ranges, tags) {
  if (typeof value === "string") return highlighted(value, ranges, tags);
  if (typeof value === "number") return highlighted(String(value), [], tags);
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.map((one) => highlighted(one, [], tags));
  return undefined;
}

function chosen(object, names) {
  if (names === undefined || names.includes("*")) return object;
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

function facetsOf({ facets, stats }, { facetOrder, maxValuesPerFacet }) {
  const counts = {};
  for (const [attribute, { values }] of Object.entries(facets)) {
    const list = facetOrder === "alpha" ? [...values].sort((a, b) => (a.value < b.value ? -1 : 1)) : values;
    counts[attribute] = Object.fromEntries(list.slice(0, maxValuesPerFacet).map(({ value, count }) => [value, count]));
  }
  return { facets: counts, facets_stats: stats };
}
