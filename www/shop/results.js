// The cards of the hits.
import { byId, cancelDrawing, drawLater, element } from "./elements.js";
import { translate } from "./language.js";
import { picture } from "./picture.js";

/** Scores that are shown as bars. */
const SCORES = ["keyword", "semantic", "rerank"];

/** New cards of one frame. The layout of a card takes about a millisecond of the processor. */
const FRAME_CARDS = 8;

/** Shows hits in a list, over some frames. Cards that are there already stay, so that a newer result does not flicker. */
export function showHits(list, hits, on) {
  const old = new Map([...list.children].map((card) => [card.dataset.key, card]));
  const largest = Object.fromEntries(SCORES.map((name) => [name, Math.max(...hits.map(({ scores }) => scores[name] ?? 0), 1e-9)]));
  let made = 0;
  const cards = hits.map((hit) => {
    const key = `${hit.id} ${JSON.stringify(hit.highlights.title ?? [])}`;
    const card = old.get(key) ?? (made++ < FRAME_CARDS ? cardOf(hit, key, on) : undefined);
    card?.querySelector(".bars").replaceChildren(...barsOf(hit, largest));
    return card;
  });
  list.replaceChildren(...cards.filter(Boolean));
  if (made > FRAME_CARDS) drawLater(list, () => showHits(list, hits, on));
  else cancelDrawing(list);
}

function cardOf(hit, key, on) {
  const { fields, attributes, stored } = hit;
  const open = { onclick: () => on.similar(hit) };
  const card = element(
    "li",
    { "data-key": key, "data-id": hit.id },
    element("div", { class: "frame" }, picture(stored ?? {})),
    element("p", { class: "name", lang: "zh-CN" }, ...highlighted(fields.title ?? hit.id, hit.highlights.title ?? [])),
    element("p", { class: "price" }, element("b", {}, priceText(attributes)), element("span", { class: "quiet" }, sold(attributes))),
    element("p", { class: "quiet brand", lang: "zh-CN" }, fields.brand ?? ""),
    element("div", { class: "bars" }),
    element("p", { class: "links" },
      element("button", { type: "button", class: "link", "data-text": "similar", ...open }, translate("similar")),
      attributes.group === undefined ? "" : element("button", { type: "button", class: "link", "data-text": "variants", onclick: () => on.variants(hit, card) }, translate("variants"))),
  );
  return card;
}

const priceText = ({ price }) => (typeof price === "number" ? `¥${price.toFixed(1)}` : "");

function sold({ sales, stock }) {
  if (stock === false) return translate("soldOut");
  return sales === undefined ? "" : translate("sold")(sales);
}

/** Returns a text with marks; ranges are in UTF-16 code units. */
export function highlighted(text, ranges) {
  const nodes = [];
  let end = 0;
  for (const [from, to] of ranges) {
    nodes.push(text.slice(end, from), element("mark", {}, text.slice(from, to)));
    end = to;
  }
  return [...nodes, text.slice(end)].filter((node) => node !== "");
}

/** Returns a bar per score: its length is the share of the largest one among the hits. */
function barsOf({ scores, explanation }, largest) {
  return SCORES.filter((name) => scores[name] !== undefined && scores[name] !== null).map((name) => {
    const share = Math.max(0, Math.min(1, scores[name] / largest[name]));
    const label = `${translate(`score_${name}`)} ${scores[name].toFixed(3)}`;
    const bar = element("span", { class: `bar ${name}`, role: "img", "aria-label": label, title: titleOf(label, explanation) }, element("i"));
    bar.firstChild.style.setProperty("--length", share);
    return bar;
  });
}

function titleOf(label, explanation) {
  const parts = explanation?.parts.map(({ name, value }) => `${name} ${value.toFixed(3)}`) ?? [];
  return [label, ...parts].join("\n");
}

/** Shows the variants of a product below its card's name. */
export function showVariants(card, hits) {
  card.querySelector(".variants")?.remove();
  const list = element(
    "ul",
    { class: "variants", lang: "zh-CN" },
    ...hits.map(({ attributes, stored }) => {
      const text = [attributes.color, stored?.size].filter(Boolean).join(" ") || translate("onlyOne");
      const swatch = element("i", { class: "swatch" });
      if (stored?.hex) swatch.style.background = stored.hex;
      return element("li", {}, swatch, `${text} ${priceText(attributes)}`);
    }),
  );
  card.append(list);
}

export function showBusy(isBusy) {
  byId("hits").setAttribute("aria-busy", String(isBusy));
}
