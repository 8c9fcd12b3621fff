// Embeds the titles once; then each keystroke costs one short text and one comparison per title.
import { Corom } from "./corom/browser.js";
import { TITLES } from "./titles.js";

const BEST = 5;
const query = document.getElementById("query");
const status = document.getElementById("status");
const results = document.getElementById("results");

const corom = await Corom.load("./model/", {
  onProgress: ({ phase, loaded, total }) => {
    status.textContent = total ? `${phase} ${Math.round((100 * loaded) / total)} %` : phase;
  },
});
const catalog = await corom.embed(TITLES); // { data, rows, dimension, row(i) }
status.textContent = `${catalog.rows} × ${catalog.dimension}`;

query.disabled = false;
query.addEventListener("input", async () => {
  try {
    show(await search(query.value));
  } catch (error) {
    if (error.name !== "AbortError") status.textContent = error.message; // else a newer keystroke replaced this one
  }
});

async function search(text) {
  if (text.trim() === "") return [];
  // The call before this one is rejected if it still waits.
  const best = await corom.rank(text, catalog, { topK: BEST, metric: "cosine", abortPrevious: true });
  return best.map(({ index, score }) => ({ title: TITLES[index], score }));
}

function show(found) {
  results.replaceChildren(
    ...found.map(({ title, score }) => {
      const item = document.createElement("li");
      const number = document.createElement("span");
      number.textContent = score.toFixed(4);
      item.append(title, number);
      return item;
    }),
  );
}
