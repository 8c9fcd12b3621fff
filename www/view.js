// Updates the page. This module does not use the model.
import { count, duration, megabytes, translate, errorText } from "./language.js";

const byId = (id) => document.getElementById(id);

/** Shows a progress event of Corom.load, except a warning. */
export function showProgress({ phase, loaded, total, rate }) {
  byId("loading").hidden = phase === "done";
  byId("loading-label").textContent = translate(`phase_${phase}`);
  const bar = byId("loading-bar");
  const moving = phase === "download" || phase === "verify";
  const converting = phase === "convert" || phase === "convert_test";
  const known = (moving || converting) && total > 0;
  if (known) {
    bar.max = total;
    bar.value = loaded;
  } else {
    bar.removeAttribute("value"); // an indeterminate progress bar
  }
  const bytes = known ? `${megabytes(loaded)} / ${megabytes(total)}` : megabytes(loaded);
  const speed = phase === "download" && rate ? ` · ${megabytes(rate)}/s` : "";
  const percent = known ? `${Math.floor((100 * loaded) / total)} %` : "";
  byId("loading-bytes").textContent = moving ? bytes + speed : converting ? percent : "";
}

export function hideProgress() {
  byId("loading").hidden = true;
}

/** Shows the text for an error, and its code and message as details. */
export function showFailure(error) {
  const code = error?.code ?? error?.name ?? "INTERNAL";
  byId("loading").hidden = true;
  byId("failure").hidden = false;
  byId("failure-text").textContent = errorText(String(code));
  byId("failure-details").textContent = `${code}: ${error?.message ?? error}`;
}

export function hideFailure() {
  byId("failure").hidden = true;
}

export function showStatus(text) {
  byId("status").textContent = text;
}

export function showBusy(busy) {
  byId("results").setAttribute("aria-busy", String(busy));
}

/** Shows the ranking as bars. Rows that were already shown move to their new place. */
export function showResults(ranked) {
  const list = byId("results");
  const old = new Map([...list.children].map((row) => [row.dataset.key, row]));
  const before = new Map([...old].map(([key, row]) => [key, row.getBoundingClientRect().top]));
  const rows = ranked.map(({ index, score, distance, text }, place) => {
    const key = `${index} ${text}`;
    const row = old.get(key) ?? newRow(key, text);
    row.querySelector(".place").textContent = place + 1;
    row.querySelector(".score").textContent = shownScore(distance ?? score);
    return row;
  });
  list.replaceChildren(...rows);
  move(rows, before);
  const scores = ranked.map(({ score }) => score ?? 0); // 0: a reranker has not come to it
  requestAnimationFrame(() =>
    rows.forEach((row, i) => row.querySelector("i").style.setProperty("--length", length(scores, i))),
  );
  byId("scale").hidden = ranked.length < 2;
}

const shownScore = (score) => (score === undefined ? "…" : score.toFixed(Math.abs(score) < 10 ? 4 : 2));

/** Returns the length of a bar, from 0.06 for the worst score of the list to 1 for the best. */
function length(scores, i) {
  const [best, worst] = [scores[0], scores.at(-1)];
  return best === worst ? 1 : 0.06 + 0.94 * ((scores[i] - worst) / (best - worst));
}

function newRow(key, text) {
  const row = document.createElement("li");
  row.dataset.key = key;
  row.append(
    createElement("span", "place"),
    createElement("span", "name", text),
    createElement("span", "score"),
    createElement("div", "bar"),
  );
  row.querySelector(".name").lang = "zh-CN";
  row.querySelector(".bar").append(createElement("i"));
  row.querySelector(".bar").setAttribute("aria-hidden", "true");
  return row;
}

/** Animates rows from their old place to their new one, and fades new rows in. */
function move(rows, before) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const row of rows) {
    const from = before.get(row.dataset.key);
    const distance = from === undefined ? 0 : from - row.getBoundingClientRect().top;
    const frames =
      from === undefined
        ? [{ opacity: 0 }, { opacity: 1 }]
        : [{ transform: `translateY(${distance}px)` }, { transform: "none" }];
    if (from !== undefined && distance === 0) continue;
    row.animate(frames, { duration: 350, easing: "cubic-bezier(.2,.8,.2,1)" });
  }
}

/** Shows the tokens of the query and their ids. */
export function showTokens({ ids, tokens }) {
  byId("tokens").hidden = false;
  byId("token-list").replaceChildren(
    ...ids.map((id, i) => {
      const item = createElement("li", "", tokens[i]);
      item.append(createElement("small", "", id));
      return item;
    }),
  );
}

/** Shows properties of the model and the times of the load and of a text, in milliseconds. */
export function showFacts(info, loadTimeMs, timePerTextMs) {
  const facts = [
    ["loadTime", duration(loadTimeMs)],
    ["perText", timePerTextMs === undefined ? "…" : duration(timePerTextMs)],
    ["memory", megabytes(info.wasmMemory)],
    ["backend", info.device === "webgpu" ? info.gpu : info.backend],
    ["simd", translate(`simd_${info.simd}`)],
    ["weights", `${info.dtype} · ${megabytes(info.weightBytes)}`],
    ["dimension", count(info.dimension)],
    ["layers", count(info.layers)],
    ["vocabSize", count(info.vocabSize)],
  ];
  byId("facts").hidden = false;
  byId("fact-list").replaceChildren(
    ...facts.map(([key, value]) => {
      const pair = createElement("div");
      pair.append(createElement("dt", "", translate(key)), createElement("dd", "", value));
      return pair;
    }),
  );
}

function createElement(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
