// Measures search in one host: every system in a page or process of its own, on the same items, vectors and queries.
import { readFileSync } from "node:fs";
import path from "node:path";
import { WORK } from "../hosts/files.mjs";
import { median, minimum } from "../statistics.mjs";
import { short, table } from "../table.mjs";

export const SEARCH_SYSTEMS = {
  corom: { label: "corom/search", keywords: true },
  plain: { label: "Float32Array loop" },
  orama: { label: "Orama", keywords: true },
  minisearch: { label: "MiniSearch, bigrams", onlyKeywords: true },
  edgevec: { label: "edgevec, L2" },
  voy: { label: "voy" },
  "sqlite-vec": { label: "sqlite-vec", hosts: ["chromium"] },
  pglite: { label: "PGlite + pgvector" },
};
/** The sizes: their folder, items, and what is known to be too slow or too large for a page there. */
export const SIZES = [
  { name: "real-10k", items: 10_000, mode: "vector", what: "m3e-small's vectors" },
  { name: "random-10k", items: 10_000, mode: "vector", what: "random vectors" },
  {
    name: "random-100k",
    items: 100_000,
    mode: "vector",
    what: "random vectors",
    left: {
      edgevec: "its build takes minutes",
      voy: "its vectors are JavaScript arrays: 8 bytes per number twice",
      orama: "its documents are JavaScript arrays: 8 bytes per number twice",
      pglite: "the table exceeds its memory of a page",
    },
  },
  { name: "random-100k", items: 100_000, mode: "keywords", what: "titles" },
];
const COUNT = 10;
const ENDS = [100, 50, 5, 1];
const folderOf = (name) => path.join(WORK, "search", name);

/** Returns `{ size: { name: result } }` and the systems that did not run, with the reason. */
export async function measureSearch(host, { searchRounds: rounds, sizes, say }) {
  const [measured, left] = [[], {}];
  for (const size of SIZES.filter(({ name }) => sizes.includes(name))) {
    const results = {};
    const built = JSON.parse(readFileSync(path.join(folderOf(size.name), "built.json"), "utf8"))[size.mode];
    for (const [name, system] of Object.entries(SEARCH_SYSTEMS)) {
      const { label, keywords, onlyKeywords, hosts } = system;
      if (size.mode === "keywords" ? !(keywords || onlyKeywords) : onlyKeywords) continue;
      const why = size.left?.[name] ?? (hosts && !hosts.includes(host.name) ? `runs in ${hosts}` : undefined);
      if (why) {
        left[`${label}, ${size.name}`] = why;
        continue;
      }
      say(`${size.name}, ${size.mode}: ${label}`);
      const agent = await host.agent();
      try {
        const { data, ...place } = host.searchPlace(size.name);
        const plan = { data, count: COUNT, ends: ENDS, rounds, mode: size.mode };
        results[name] = await agent.call("searchSystem", place, name, plan);
      } catch (error) {
        left[`${label}, ${size.name}, ${size.mode}`] = String(error.message).split("\n")[0];
      } finally {
        await agent.close();
      }
    }
    measured.push({ ...size, results, built });
  }
  return { measured, left };
}

export const p95 = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length * 0.95)];
const found = ({ measured }, name, mode, system = "corom") => measured.find((size) => size.name === name && size.mode === mode)?.results[system];

/** Formats the results as tables. */
export function searchTables({ measured, left }) {
  const tables = measured.map(({ name, mode, what, items, results, built }) => {
    const rows = Object.entries(results).map(([system, { openMs, firstMs, memory, size, found, extra }]) => {
      const times = (end) => (found[end] ? `${short(median(found[end].ms))} (${short(p95(found[end].ms))})` : "–");
      const recall = (end) => (found[end]?.recall === undefined ? "" : ` ${found[end].recall.toFixed(3)}`);
      const build = system === "corom" ? `${short(built.seconds * 1000)} + ${short(openMs)}` : short(openMs);
      const bytes = size ? short(size / items) : short((memory.wasm + memory.heap) / items);
      const more = extra.exact && mode === "vector" ? ` exact ${short(median(extra.exact))}` : "";
      return [SEARCH_SYSTEMS[system].label, build, bytes, short(firstMs), ...ENDS.map((end) => times(end) + recall(end) + (end === 100 ? more : ""))];
    });
    const heading = ["", "build, ms", "bytes/item", "first, ms", "no filter", "50 %", "5 %", "1 %"];
    return `${name}, ${mode}: ${items} items, ${what}; top ${COUNT}: ms median (p95)${mode === "vector" ? ", recall" : ""}\n${table([heading, ...rows])}`;
  });
  const others = Object.entries(left).map(([name, why]) => `left out: ${name}: ${why}`);
  return [...tables, "corom's build is that of the native builder, then the load", ...others].join("\n\n");
}

/** Returns the lines of bars; see ../bars.mjs. */
export function searchBars(search) {
  const line = (bar, limit, unit, value, note) => {
    if (!search || value === undefined) return { bar, limit: `≤ ${limit}`, note: "not measured in this run" };
    return { bar: `search: ${bar}, ${unit}`, limit: `≤ ${limit}`, value, met: value <= limit, note };
  };
  const of = (name, mode) => (search ? found(search, name, mode) : undefined);
  const [small, large, real, words] = [of("random-10k", "vector"), of("random-100k", "vector"), of("real-10k", "vector"), of("random-100k", "keywords")];
  const missed = (result) => result && 1 - result.found[100].recall;
  const lists = [small, large, real].filter(Boolean);
  const filtered = lists.flatMap(({ found }) => ENDS.slice(1).map((end) => 1 - found[end].recall));
  const fastest = (result) => result && `minimum ${short(minimum(result.extra.exact))}`;
  return [
    line("10,000 × 768 exact, top 10", 1, "ms", small && median(small.extra.exact), fastest(small)),
    line("100,000 × 768 exact, top 10", 10, "ms", large && median(large.extra.exact), fastest(large)),
    line("100,000 × 768 coded, top 10", 2.5, "ms", large && median(large.found[100].ms), large && `minimum ${short(minimum(large.found[100].ms))}`),
    line("100,000 × 768 coded", 0.01, "recall missed", missed(large)),
    line("filters of 1, 5 and 50 %", 0.0005, "recall missed", filtered.length > 0 ? Math.max(...filtered) : undefined),
    line("keywords over 100,000 titles", 3, "ms p95", words && p95(words.found[100].ms), words && `median ${short(median(words.found[100].ms))}`),
    line("facets and a filter on top", 1, "ms more", words && median(words.extra.faceted) - median(words.found[100].ms)),
    line("100,000 items from memory to the first keyword hit", 300, "ms with hashes", words && words.openMs + words.firstMs),
  ];
}
