// Entry `corom/instantsearch`: a search client for InstantSearch.js, React InstantSearch and Vue InstantSearch.
export { createSearchClient } from "./lib/instantsearch/client.js";
