// The demo page: loads the model, and ranks the candidates on every change. A newer change aborts an older ranking.
import { convertCheckpoint, isCheckpoint } from "./checkpoint.js";
import { Corom, CoromReranker } from "./pkg/browser.js";
import { duration, translate, startLanguage } from "./language.js";
import { PAGE } from "./samples.js";
import * as view from "./view.js";

/** Time without typing before the candidates are ranked. */
const DEBOUNCE_MS = 200;

const query = document.getElementById("query");
const candidates = document.getElementById("candidates");
const form = document.getElementById("input");
const folder = document.getElementById("folder");
const rerankerFolder = document.getElementById("reranker-folder");
const isReranked = document.getElementById("rerank");
const isOnGpu = document.getElementById("gpu");

/** The model in use: { corom, loadTimeMs, timePerTextMs }. */
let model;
/** Controllers that abort the current loads and the ranking when a newer one starts. */
let loading = new AbortController();
let loadingReranker = new AbortController();
let ranking = new AbortController();
/** The model that sorts the results again, if the user has opened one. */
let reranker;
let retry; // what the button in the failure does
let redraw = () => {}; // shows the current message again after a change of language

query.value = PAGE.query;
candidates.value = PAGE.candidates.join("\n");
startLanguage(() => {
  redraw();
  if (model) view.showFacts(model.corom.info, model.loadTimeMs, model.timePerTextMs);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  rank();
});
form.addEventListener("input", debounced(rank, DEBOUNCE_MS));
document.getElementById("retry").addEventListener("click", () => retry());
folder.addEventListener("change", () => {
  if (folder.files.length > 0) load(folder.files);
});
rerankerFolder.addEventListener("change", () => {
  if (rerankerFolder.files.length > 0) loadReranker(rerankerFolder.files);
});
isOnGpu.addEventListener("change", () => retry?.());
Corom.devices().then((devices) => (document.getElementById("gpu-choice").hidden = !devices.includes("webgpu")));

// `corom serve` without a model: the page asks for a folder.
if (new URLSearchParams(location.search).get("model") === "none") {
  view.hideProgress();
  redraw = () => view.showStatus(translate("needModel"));
  redraw();
} else load("./model/");

/** Loads a model from a URL or from the selected files, and ranks the candidates. */
async function load(from) {
  retry = () => load(from);
  loading.abort();
  ranking.abort();
  const { signal } = (loading = new AbortController());
  model?.corom.free();
  model = undefined;
  view.hideFailure();
  try {
    const started = performance.now();
    const corom = await loadFrom(Corom, from, signal);
    model = { corom, loadTimeMs: performance.now() - started, timePerTextMs: undefined };
    form.elements.metric.value = corom.info.metric;
    await rank();
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

/** Loads a reranker from the selected files, and sorts the results with it. */
async function loadReranker(files) {
  retry = () => loadReranker(files);
  ranking.abort();
  loadingReranker.abort();
  const { signal } = (loadingReranker = new AbortController());
  reranker?.free();
  reranker = undefined;
  isReranked.disabled = true;
  view.hideFailure();
  try {
    reranker = await loadFrom(CoromReranker, files, signal);
    isReranked.disabled = false;
    isReranked.checked = true;
    await rank();
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

/** Loads an instance of `Class` from a URL or from files, which are converted first if they are a checkpoint. */
async function loadFrom(Class, from, signal) {
  const onProgress = (event) => {
    if (event.phase === "warning") return console.warn(event.message);
    redraw = () => {
      view.showProgress(event);
      view.showStatus(translate("waiting"));
    };
    redraw();
  };
  onProgress({ phase: "wasm" });
  const isConverted = typeof from !== "string" && isCheckpoint(from);
  const files = isConverted ? await convertCheckpoint(from, { signal, onProgress }) : from;
  const simd = new URLSearchParams(location.search).get("simd") ?? "auto";
  const device = isOnGpu.checked ? "webgpu" : "wasm";
  return Class.load(files, { signal, onProgress, device, advanced: { simd } });
}

/** Ranks the candidates by the query and shows the result. */
async function rank() {
  ranking.abort();
  if (!model) return;
  view.hideFailure(); // the failure of an earlier ranking; without a model, the failure of the load stays
  const { signal } = (ranking = new AbortController());
  const { corom } = model;
  const documents = candidates.value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  const text = query.value.trim();
  if (text === "" || documents.length === 0) return empty(text === "" ? "needQuery" : "needCandidates");
  const metric = new FormData(form).get("metric");
  view.showBusy(true);
  redraw = () => view.showStatus(translate("working"));
  redraw();
  try {
    const started = performance.now();
    const ranked = await corom.rank(text, documents, { metric, signal });
    const time = performance.now() - started;
    model.timePerTextMs = time / (documents.length + 1);
    redraw = () => view.showStatus(translate("ranked")(documents.length, duration(time)));
    redraw();
    view.showResults(ranked);
    if (reranker && isReranked.checked) await rerank(text, ranked, signal);
    view.showTokens(await corom.tokenize(text, { signal }));
    view.showFacts(corom.info, model.loadTimeMs, model.timePerTextMs);
    view.showBusy(false);
  } catch (error) {
    if (signal.aborted) return; // a newer load or ranking has started
    view.showBusy(false);
    fail(error);
  }
}

/** Sorts the ranked candidates again, and shows each partial result. */
async function rerank(text, ranked, signal) {
  const started = performance.now();
  const show = (results) => view.showResults(results.map(({ index, ...result }) => ({ ...result, index: ranked[index].index })));
  const onPartial = (results, { done, total }) => {
    show(results);
    const time = duration(performance.now() - started);
    redraw = () => view.showStatus(translate("reranked")(done, total, time));
    redraw();
  };
  show(await reranker.rerank(text, ranked.map(({ text }) => text), { signal, onPartial }));
}

/** Shows an empty result. `reason` is the key of the text to show. */
function empty(reason) {
  view.showBusy(false);
  view.showResults([]);
  redraw = () => view.showStatus(translate(reason));
  redraw();
}

function fail(error) {
  console.warn(error);
  view.showStatus("");
  redraw = () => view.showFailure(error);
  redraw();
}

/** Returns a function that runs `work` after `pause` milliseconds without another call. */
function debounced(work, pause) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, pause);
  };
}
