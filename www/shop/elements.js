// Makes elements.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Returns an element with attributes and children; a child is a node or a text. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const drawings = new Map();
let isWaiting = false;

/**
 * Calls `draw` after the next frame, in a frame of its own, so that no layout takes long. A newer drawing of the same `place`
 * replaces it.
 */
export function drawLater(place, draw) {
  drawings.delete(place);
  drawings.set(place, draw);
  note();
  waitForFrame();
}

/** Forgets the drawing of a place. */
export function cancelDrawing(place) {
  drawings.delete(place);
  note();
}

/** Notes on the page whether more is drawn, for measurements. */
const note = () => document.body.toggleAttribute("data-drawing", drawings.size > 0);

function waitForFrame() {
  if (isWaiting || drawings.size === 0) return;
  isWaiting = true;
  requestAnimationFrame(() => setTimeout(drawNext));
}

function drawNext() {
  isWaiting = false;
  const [next] = drawings;
  if (next === undefined) return;
  drawings.delete(next[0]);
  try {
    next[1]();
  } finally {
    note();
    waitForFrame();
  }
}
