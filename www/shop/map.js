// A picture of the hits in two dimensions, with clusters as colors and the query among them.
import { cluster, project2d } from "../pkg/search.js";
import { byId, svgElement } from "./elements.js";

/** Vectors of titles that were on the map, by id of the product. */
const kept = new Map();
const MAX_KEPT = 2000;

const CLUSTERS = 5;
const SIZE = 400;
const MARGIN = 24;

/** Draws hits, and the text of the query among them if there is one. `corom` embeds the titles. */
export async function drawMap(corom, hits, { query, onOpen }) {
  const { dimension } = corom.info;
  const missing = hits.filter(({ id }) => !kept.has(id));
  const embedded = await corom.embed([...missing.map(({ fields }) => fields.title), ...(query === undefined ? [] : [query])]);
  if (kept.size > MAX_KEPT) kept.clear();
  missing.forEach(({ id }, i) => kept.set(id, embedded.row(i).slice()));
  const vectors = hits.map(({ id }) => kept.get(id));
  if (vectors.includes(undefined)) return kept.clear(); // another drawing has cleared them
  if (query !== undefined) vectors.push(embedded.row(missing.length));
  const ofHits = vectors.slice(0, hits.length);
  const [{ places }, { labels }] = await Promise.all([
    project2d(vectors),
    cluster(ofHits, { k: Math.min(CLUSTERS, hits.length), seed: 1 }),
  ]);
  const [x, y] = [scaled(places, 0), scaled(places, 1)];
  const marks = hits.map((hit, i) => {
    const open = { onclick: () => onOpen(hit), onkeydown: (event) => event.key === "Enter" && onOpen(hit) };
    const name = { role: "button", tabindex: "0", "aria-label": hit.fields.title };
    return svgElement("circle", { cx: x(i), cy: y(i), r: 7, class: `group-${labels[i]}`, ...name, ...open }, svgElement("title", {}, hit.fields.title));
  });
  if (query !== undefined) marks.push(svgElement("circle", { cx: x(hits.length), cy: y(hits.length), r: 10, class: "ring" }));
  byId("map").replaceChildren(svgElement("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group" }, ...marks));
}

/** Returns a function that places a point on an axis of the picture. */
function scaled(places, axis) {
  const values = places.filter((_, i) => i % 2 === axis);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (i) => (MARGIN + (SIZE - 2 * MARGIN) * (high === low ? 0.5 : (values[i] - low) / (high - low))).toFixed(1);
}
