// The model lives in a worker. The class and its calls are those of browser.js.
import { Corom } from "./corom/worker.js";
import { TITLES } from "./titles.js";

const BEST = 5;
const query = document.getElementById("query");
const status = document.getElementById("status");
const results = document.getElementById("results");

// The page is usable at once: what is typed while the model loads is ranked when it is there.
const loading = Corom.load("./model/", {
  onProgress: ({ phase, loaded, total }) => {
    status.textContent = total ? `${phase} ${Math.round((100 * loaded) / total)} %` : phase;
  },
});
loading.catch(fail);

query.addEventListener("input", async () => {
  try {
    const corom = await loading;
    // The call before this one is rejected with an AbortError if it is still pending.
    const best = await corom.rank(query.value, TITLES, { topK: BEST, metric: "cosine", abortPrevious: true });
    show(best);
    status.textContent = `${(corom.info.wasmMemory / 2 ** 20).toFixed(0)} MiB`;
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
});

// Ends the worker and releases its memory. The next call starts another worker and loads the model from the cache.
document.getElementById("unload").addEventListener("click", async () => {
  const corom = await loading;
  await corom.unload();
  status.textContent = `${corom.info.wasmMemory} MiB`;
});

function show(best) {
  results.replaceChildren(
    ...best.map(({ text, score }) => {
      const item = document.createElement("li");
      const number = document.createElement("span");
      number.textContent = score.toFixed(4);
      item.append(text, number);
      return item;
    }),
  );
}

function fail(error) {
  status.textContent = error.message;
}
