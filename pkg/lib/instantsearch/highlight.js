// Texts with tags around what matches, as InstantSearch's widgets read them.

/** Returns the entry of a hit's `_highlightResult` for a text. `ranges` are in UTF-16 code units. */
export function highlighted(text, ranges = [], [before, after]) {
  let value = "";
  let end = 0;
  for (const [from, to] of ranges) {
    value += `${text.slice(end, from)}${before}${text.slice(from, to)}${after}`;
    end = to;
  }
  value += text.slice(end);
  const words = ranges.map(([from, to]) => text.slice(from, to));
  const fullyHighlighted = ranges.length === 1 && words[0].length === text.length;
  return { value, matchLevel: ranges.length === 0 ? "none" : "full", fullyHighlighted, matchedWords: [...new Set(words)] };
}
