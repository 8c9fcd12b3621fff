// A picture of the hits in two dimensions, with clusters as colors and the query among them.
import { cluster, project2d } from "../pkg/search.js";
import { byId, svgElement } from "./elements.js";

const CLUSTERS = 5;
const SIZE = 400;
const MARGIN = 24;

/** Draws hits. `vectors` are those of their titles, and that of the query at the end if `hasQuery`. */
export async function drawMap(hits, { data, dimension }, { hasQuery, onOpen }) {
  const ofHits = data.subarray(0, hits.length * dimension);
  const [{ places }, { labels }] = await Promise.all([
    project2d(data, { dimension }),
    cluster(ofHits, { dimension, k: Math.min(CLUSTERS, hits.length), seed: 1 }),
  ]);
  const [x, y] = [scaled(places, 0), scaled(places, 1)];
  const marks = hits.map((hit, i) => {
    const open = { onclick: () => onOpen(hit), onkeydown: (event) => event.key === "Enter" && onOpen(hit) };
    const name = { role: "button", tabindex: "0", "aria-label": hit.fields.title };
    return svgElement("circle", { cx: x(i), cy: y(i), r: 7, class: `group-${labels[i]}`, ...name, ...open }, svgElement("title", {}, hit.fields.title));
  });
  if (hasQuery) marks.push(svgElement("circle", { cx: x(hits.length), cy: y(hits.length), r: 10, class: "ring" }));
  byId("map").replaceChildren(svgElement("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group" }, ...marks));
}

/** Returns a function that places a point on an axis of the picture. */
function scaled(places, axis) {
  const values = places.filter((_, i) => i % 2 === axis);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return (i) => (MARGIN + (SIZE - 2 * MARGIN) * (high === low ? 0.5 : (values[i] - low) / (high - low))).toFixed(1);
}
