// The shop: searches on every change. A newer search replaces an older one.
import { byId, element } from "./elements.js";
import { showFacets } from "./facets.js";
import { showEvaluation, showFacts, showTokens } from "./facts.js";
import { duration, megabytes, startLanguage, translate } from "./language.js";
import { showBusy, showHits, showVariants } from "./results.js";
import { devices, hasModel, keepOffline, startServices } from "./services.js";
import { showSettings, startSettings } from "./settings.js";
import { PAGE_SIZE, addressOf, clearFilters, hasFilters, searchOptions, stateOf } from "./state.js";
import { startSuggestions } from "./suggest.js";

const EXAMPLES = ["零下也不冷的上衣", "kuotuiku", "闊腿褲", "2255518", "不用油做鸡翅的电器", "婴儿 推车"];
const RERANK = { depth: 30 };
/** Hits on the map. */
const MAP_HITS = 60;

const started = performance.now();
let loadStarted = started;
const box = byId("query");
const form = byId("search");
let state = stateOf(location.href);
let shop;
let corom;
let reranker;
/** Key of the text on the reranker; "" while it is not known. */
let rerankText = "";
let loadModel = () => {};
/** True while the model may still come. */
let isModelPending = true;
let found; // the last result
let similarTo; // the hit whose neighbors are shown
let newest = 0; // the number of the last search
const facts = {};
let modelText = () => translate("catalogLoading");
let redraw = () => {};

const suggestions = startSuggestions(box, (text, limit) => (shop ? shop.suggest(text, { limit }) : []), (text) => change(() => (state.query = text)));
startLanguage(showAll);
showExamples();
listen();
devices().then((list) => {
  startSettings(list, changeSetting);
  showState();
});
startServices({
  catalog(loaded) {
    shop = loaded;
    const names = new Set(["", ...shop.info.attributes.map(({ name }) => name)]);
    for (const option of byId("sort").options) option.disabled = !names.has(option.value.split(":")[0]);
    if (shop.info.vectors === null || !hasModel) {
      isModelPending = false;
      say(() => translate("modelNone"), { isDone: true });
    }
    run();
    keepOffline();
  },
  progress({ phase, loaded, total, rate }) {
    if (phase === "warning") return;
    const left = rate > 0 && total > loaded ? ` · ${translate("left")(duration((1000 * (total - loaded)) / rate))}` : "";
    const bytes = phase === "download" && total ? `${megabytes(loaded)} / ${megabytes(total)} · ${megabytes(rate ?? 0)}/s${left}` : "";
    say(() => translate("modelLoading")(translate(`phase_${phase}`), bytes), { value: total ? loaded / total : undefined });
  },
  model(loaded) {
    corom = loaded;
    isModelPending = corom === undefined;
    if (corom === undefined) return found && run();
    const time = performance.now() - loadStarted;
    const { layers, dimension, precision } = corom.info;
    const name = () => `${layers} × ${dimension}, ${precision}`;
    say(() => translate("modelReady")(name(), duration(time)), { isDone: true });
    return run();
  },
  evaluation(table) {
    facts.evaluation = table;
    showDetails();
  },
  reranker(loaded) {
    reranker = loaded;
    byId("rerank").disabled = reranker === undefined;
    rerankText = reranker === undefined ? "rerankNone" : "rerankReady";
    showModelText();
    if (reranker !== undefined && state.rerank) run();
  },
  offline() {
    facts.offline = true;
    showDetails();
  },
  failed(error) {
    isModelPending = false;
    say(() => translate("modelFailed")(error.code ?? error.name), { isDone: true });
    redraw();
  },
  loader: (load) => (loadModel = load),
}, state).catch(fail);

function listen() {
  box.addEventListener("input", (event) => {
    if (event.isComposing) return;
    suggestions.update();
    change(() => (state.query = box.value));
  });
  box.addEventListener("compositionend", () => {
    suggestions.update();
    change(() => (state.query = box.value));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    suggestions.close();
    run();
  });
  for (const radio of form.elements.mode) radio.addEventListener("change", () => change(() => (state.mode = radio.value)));
  byId("sort").addEventListener("change", ({ target }) => change(() => (state.sort = target.value)));
  byId("rerank").addEventListener("change", ({ target }) => change(() => (state.rerank = target.checked)));
  byId("clear").addEventListener("click", () => change(() => clearFilters(state)));
  byId("more").addEventListener("click", () => change(() => (state.shown += PAGE_SIZE), { keepsPage: true }));
  byId("back").addEventListener("click", () => change(() => {}));
  byId("retry").addEventListener("click", () => location.reload());
  byId("map-panel").addEventListener("toggle", map);
  byId("facts").addEventListener("toggle", showDetails);
  addEventListener("popstate", () => {
    state = stateOf(location.href);
    showState();
    run();
  });
  // On a phone the filters would cover the results. They are closed at first, so that nothing moves.
  byId("filters").open = matchMedia("(min-width: 52rem)").matches;
}

/** Changes a setting of the model, and loads it again. */
async function changeSetting(name, value) {
  state[name] = value;
  history.replaceState(null, "", addressOf(state, location.href));
  loadStarted = performance.now();
  await loadModel(state); // before the catalog is here, the first load has these settings
}

/** Changes the state, the address and the results. */
function change(work, { keepsPage = false } = {}) {
  work();
  similarTo = undefined;
  if (!keepsPage) state.shown = PAGE_SIZE;
  history.replaceState(null, "", addressOf(state, location.href));
  showState();
  run();
}

function showState() {
  if (box.value !== state.query) box.value = state.query;
  form.elements.mode.value = state.mode;
  byId("sort").value = state.sort;
  byId("rerank").checked = state.rerank;
  byId("clear").disabled = !hasFilters(state);
  showSettings(state);
}

async function run() {
  if (!shop) return;
  const mine = ++newest;
  showBusy(true);
  byId("failure").hidden = true;
  try {
    const isMine = (result) => mine === newest && show(result);
    if (similarTo !== undefined) isMine(await shop.similar(similarTo.id, { ...searchOptions(state, shop.info, { mode: "semantic" }), mode: undefined, sort: undefined, abortPrevious: undefined }));
    else if (state.mode === "compare" && state.query.trim() !== "" && corom) await compare(mine);
    else {
      // Hits that are sorted by an attribute have their order.
      const rerank = reranker && state.rerank && state.sort === "" ? { ...RERANK, onPartial: isMine } : undefined;
      // Without a model there are keywords, and they come at once while it loads.
      const mode = corom ? state.mode : state.query.trim() === "" ? "hybrid" : "keyword";
      const { hasVectors, hasRows } = shop.info;
      // Until the rows are in memory, estimates show at once, and the scores of the rows replace them.
      const isEstimated = corom && hasVectors && !hasRows && mode !== "keyword" && state.query.trim() !== "";
      if (isEstimated) isMine(await shop.search(state.query, { ...searchOptions(state, shop.info, { mode }), readRows: false }));
      if (mine === newest) isMine(await shop.search(state.query, searchOptions(state, shop.info, { mode, rerank })));
    }
    if (mine === newest) await afterSearch();
  } catch (error) {
    if (error.name !== "AbortError" && mine === newest) fail(error);
  } finally {
    if (mine === newest) showBusy(false);
  }
}

/** Shows keyword and semantic hits beside each other. */
async function compare(mine) {
  const options = { ...searchOptions(state, shop.info), abortPrevious: undefined };
  for (const readRows of shop.info.hasRows ? [true] : [false, true]) {
    const [left, right] = await Promise.all(["keyword", "semantic"].map((mode) => shop.search(state.query, { ...options, mode, readRows })));
    if (mine !== newest) return;
    showTwo(left, right);
  }
}

function showTwo(left, right) {
  show(left);
  showHits(byId("others"), right.hits, { similar, variants });
  redraw = () => {
    byId("hits-title").textContent = titleOf(left);
    byId("others-title").textContent = titleOf(right);
    byId("status").textContent = translate("compared")(left.total, right.total);
  };
  redraw();
  byId("hits-title").hidden = byId("others-part").hidden = false;
}

function titleOf({ mode, timing, estimated }) {
  const words = [`mode_${mode}`, estimated && "estimated"].filter(Boolean).map(translate);
  return `${words.join(translate("comma"))} · ${duration(timing.embed + timing.search)}`;
}

function show(result) {
  found = result;
  byId("others-part").hidden = byId("hits-title").hidden = true;
  byId("columns").classList.toggle("two", state.mode === "compare" && similarTo === undefined && corom !== undefined);
  showHits(byId("hits"), result.hits, { similar, variants });
  showFacets(result.facets, state, () => change(() => {}));
  byId("clear").hidden = false;
  byId("more").hidden = result.total <= result.hits.length || state.mode === "compare";
  byId("similar-to").hidden = similarTo === undefined;
  if (similarTo !== undefined) byId("similar-to").firstElementChild.textContent = translate("similarTo")(similarTo.fields.title);
  const { embed, search, rerank = 0 } = result.timing;
  redraw = () => {
    const mode = [`mode_${result.mode}`, rerank > 0 && "reranked", result.estimated && "estimated"].filter(Boolean);
    const text = translate("found")(result.total, duration(embed + search + rerank), mode.map(translate).join(translate("comma")));
    byId("status").textContent = result.total > 0 ? text : translate(isModelPending ? "nothingYet" : "nothing");
  };
  redraw();
}

async function afterSearch() {
  facts.firstHits ??= performance.now() - started;
  if (corom && found.mode === "hybrid") facts.firstHybrid ??= performance.now() - started;
  document.body.dataset.mode = found.mode; // for measurements: the mode of the last result
  await showDetails();
  await map();
}


function similar(hit) {
  if (!shop.info.hasVectors) return;
  similarTo = hit;
  state.shown = PAGE_SIZE;
  run();
  byId("similar-to").scrollIntoView({ block: "nearest" });
}

async function variants(hit, card) {
  const { hits } = await shop.search("", { filter: { group: hit.attributes.group }, topK: 12 });
  showVariants(card, hits);
}

async function showDetails() {
  if (!byId("facts").open || !found) return;
  showFacts({ shop, corom, timing: found.timing, ...facts });
  if (facts.evaluation) showEvaluation(facts.evaluation);
  if (corom && state.query.trim() !== "") showTokens(await corom.tokenize(state.query));
}

async function map() {
  if (!byId("map-panel").open || !found) return;
  if (!corom) return byId("map").replaceChildren(translate("mapWait"));
  const hits = found.hits.slice(0, MAP_HITS);
  if (hits.length < 2) return byId("map").replaceChildren();
  const query = state.query.trim() !== "" && similarTo === undefined ? state.query : undefined;
  const { drawMap } = await import("./map.js");
  await drawMap(corom, hits, { query, onOpen: similar });
}

function showModelText() {
  byId("model-text").textContent = [modelText(), rerankText && translate(rerankText)].filter(Boolean).join(" · ");
}

function say(text, { value, isDone = false } = {}) {
  modelText = text;
  showModelText();
  const bar = byId("model-bar");
  bar.classList.toggle("gone", isDone);
  if (value === undefined) bar.removeAttribute("value");
  else bar.value = value;
}

function showExamples() {
  const links = EXAMPLES.map((text) => element("button", { type: "button", class: "chip", lang: "zh-CN", onclick: () => change(() => (state.query = text)) }, text));
  byId("examples").replaceChildren(element("span", { class: "quiet", "data-text": "examples" }, translate("examples")), ...links);
}

/** Shows all texts again after a change of language. */
function showAll() {
  showModelText();
  redraw();
  if (found) showFacets(found.facets, state, () => change(() => {}));
  showDetails();
}

function fail(error) {
  console.warn(error);
  byId("failure").hidden = false;
  byId("failure-text").textContent = `${error?.code ?? error?.name}: ${error?.message ?? error}`;
  showBusy(false);
}
