// The request of the user. It is in the page's address, so that a search can be linked to.

export const PAGE_SIZE = 24;
/** Settings of the model that are in the address, each with the values that another than the default has. */
const CHOICES = { quality: ["exact", "float"], device: ["auto", "webgpu"], workers: ["2", "4"] };
export const SETTINGS = Object.keys(CHOICES);
const LISTS = ["category", "audience", "color", "features"];

/** Returns the state of an address. */
export function stateOf(address) {
  const given = new URL(address).searchParams;
  const number = (name) => (given.has(name) && Number.isFinite(Number(given.get(name))) ? Number(given.get(name)) : undefined);
  return {
    query: given.get("q") ?? "",
    mode: ["keyword", "semantic", "compare"].includes(given.get("mode")) ? given.get("mode") : "hybrid",
    sort: given.get("sort") ?? "",
    rerank: given.get("rerank") === "1",
    ...Object.fromEntries(SETTINGS.map((name) => [name, CHOICES[name].find((value) => value === given.get(name))])),
    chosen: Object.fromEntries(LISTS.map((name) => [name, new Set(given.getAll(name))])),
    price: [number("from"), number("to")],
    inStock: given.get("stock") === "1",
    shown: PAGE_SIZE,
  };
}

/** Returns the address of a state. Parameters that are not the shop's stay. */
export function addressOf(state, address) {
  const url = new URL(address);
  for (const name of ["q", "mode", "sort", "rerank", "from", "to", "stock", ...SETTINGS, ...LISTS]) url.searchParams.delete(name);
  const set = (name, value) => value !== undefined && value !== "" && url.searchParams.set(name, value);
  set("q", state.query);
  if (state.mode !== "hybrid") set("mode", state.mode);
  set("sort", state.sort);
  if (state.rerank) set("rerank", "1");
  for (const name of LISTS) for (const value of state.chosen[name]) url.searchParams.append(name, value);
  set("from", state.price[0]);
  set("to", state.price[1]);
  if (state.inStock) set("stock", "1");
  for (const name of SETTINGS) if (CHOICES[name].includes(state[name])) set(name, state[name]);
  return url.href;
}

export const hasFilters = ({ chosen, price, inStock }) =>
  inStock || price.some((end) => end !== undefined) || Object.values(chosen).some((values) => values.size > 0);

export function clearFilters(state) {
  for (const values of Object.values(state.chosen)) values.clear();
  state.price = [undefined, undefined];
  state.inStock = false;
}

/** Returns the options of `Catalog.search` for a state. What needs an attribute that the catalog lacks is left out. */
export function searchOptions(state, { attributes }, { mode = state.mode, rerank } = {}) {
  const has = (name) => attributes.some((attribute) => attribute.name === name);
  const filter = {};
  for (const [name, values] of Object.entries(state.chosen)) if (values.size > 0 && has(name)) filter[name] = { in: [...values] };
  const [from, to] = state.price;
  if (has("price") && (from !== undefined || to !== undefined)) filter.price = { ...(from !== undefined && { gte: from }), ...(to !== undefined && { lte: to }) };
  if (state.inStock && has("stock")) filter.stock = true;
  const sort = state.sort || (state.query.trim() === "" ? "sales:desc" : "");
  return {
    mode: mode === "compare" ? "auto" : mode === "hybrid" ? "auto" : mode,
    filter,
    facets: [...LISTS.map((attribute) => ({ attribute, limit: 12 })), { attribute: "price" }, { attribute: "stock" }].filter(({ attribute }) => has(attribute)),
    sort: has(sort.split(":")[0]) ? sort : undefined,
    distinct: has("group") ? "group" : undefined,
    topK: state.shown,
    rerank,
    explain: true,
    abortPrevious: true,
  };
}
