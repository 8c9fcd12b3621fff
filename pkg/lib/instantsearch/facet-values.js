// The values of a facet that contain a text.
import { wholeNumber } from "../arguments.js";
import { highlighted } from "./highlight.js";

/** Returns the response of a search for facet values. */
export function foundFacetValues({ values }, { query, maxFacetHits, exact, tags }) {
  const wanted = plain(query.trim());
  const found = values.filter(({ value }) => plain(value).includes(wanted));
  return {
    facetHits: found.slice(0, wholeNumber(maxFacetHits, "maxFacetHits", 0)).map(({ value, count }) => ({
      value,
      highlighted: highlighted(value, rangesOf(value, wanted), tags).value,
      count,
    })),
    exhaustiveFacetsCount: exact,
    processingTimeMS: 0,
  };
}

const plain = (text) => text.normalize("NFKC").toLowerCase();

/** Returns the first place of a text in a value, unless normalization moved it. */
function rangesOf(value, wanted) {
  const at = value.toLowerCase().indexOf(wanted);
  return at < 0 || wanted === "" ? [] : [[at, at + wanted.length]];
}
