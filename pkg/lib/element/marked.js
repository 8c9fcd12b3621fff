// Texts with marks.

/** Returns nodes of a text; ranges `[start, end]` are in UTF-16 code units. */
export function marked(text, ranges) {
  const nodes = [];
  let end = 0;
  for (const [from, to] of ranges) {
    const mark = document.createElement("mark");
    mark.part = "mark";
    mark.textContent = text.slice(from, to);
    nodes.push(text.slice(end, from), mark);
    end = to;
  }
  return [...nodes, text.slice(end)];
}
