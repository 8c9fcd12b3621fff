// Timings, memory, the tokens of the query, and the evaluation.
import { byId, element } from "./elements.js";
import { count, duration, megabytes, translate } from "./language.js";

/** Shows facts: `[key, value]`; a value that is undefined is left out. */
export function showFacts({ shop, corom, timing = {}, firstHits, firstHybrid, offline }) {
  const time = (ms) => (ms === undefined || ms === 0 ? undefined : duration(ms));
  const facts = [
    ["items", count(shop.info.items)],
    ["firstHits", time(firstHits)],
    ["firstHybrid", time(firstHybrid)],
    ["embedTime", time(timing.embed)],
    ["searchTime", time(timing.search)],
    ["rerankTime", time(timing.rerank)],
    ["catalogMemory", megabytes(shop.memoryBytes)],
    ["modelMemory", corom && megabytes(corom.info.wasmMemory)],
    ["rows", shop.info.hasVectors && translate(shop.info.hasRows ? "rowsHere" : "rowsWanted")],
    ["backend", corom?.info.device === "webgpu" ? corom.info.gpu : corom?.info.backend],
    ["workers", corom && count(corom.info.workers)],
    ["quality", corom && `${corom.info.precision}, ${corom.info.kernel}`],
    ["simd", corom && translate(`simd_${corom.info.simd}`)],
    ["weights", corom && `${corom.info.dtype} · ${megabytes(corom.info.weightBytes)}`],
    ["offline", offline && translate("offlineReady")],
  ].filter(([, value]) => value);
  byId("fact-list").replaceChildren(
    ...facts.map(([key, value]) => element("div", {}, element("dt", {}, translate(key)), element("dd", {}, value))),
  );
}

/** Shows the tokens that the model reads; unknown ones are marked. */
export function showTokens({ tokens }) {
  byId("tokens").replaceChildren(
    ...tokens.map((token) => {
      const isUnknown = token === "[UNK]";
      return element("span", { class: isUnknown ? "token unknown" : "token", title: isUnknown && translate("unknown") }, token);
    }),
  );
}

/** Shows what `evaluate.mjs` measured: nDCG@10 and the share of queries without a result, by kind and mode. */
export function showEvaluation({ queries, modes, rows }) {
  const head = ["kind", ...modes].map((name) => element("th", { scope: "col" }, translate(name)));
  const body = rows.map(({ kind, values }) =>
    element("tr", {}, element("th", { scope: "row" }, translate(`kind_${kind}`)),
      ...values.map(({ ndcg, zero }) => element("td", {}, `${ndcg.toFixed(3)} (${Math.round(100 * zero)} %)`))),
  );
  byId("evaluation").replaceChildren(
    element("table", {}, element("caption", {}, translate("evaluation")(queries)), element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)),
  );
}
