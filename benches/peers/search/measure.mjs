// Measures search in one host: every system in a page or process of its own, on the same items, vectors and queries.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import path from "node:path";
import { FLOAT_TIE } from "../agent/search/best.mjs";
import { SHARES } from "../agent/search/shares.mjs";
import { WORK } from "../hosts/files.mjs";

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
const REAL = "m3e-small's vectors of the titles";
/** The sizes: their folder, and what is known to be too slow or too large for a page there. */
export const SIZES = [
  { name: "real-10k", mode: "vector", what: REAL },
  { name: "random-10k", mode: "vector", what: "random vectors" },
  { name: "real-100k", mode: "vector", what: REAL, isOwn: true },
  {
    name: "random-100k",
    mode: "vector",
    what: "random vectors",
    left: {
      edgevec: "its build takes minutes",
      voy: "its vectors are JavaScript arrays: 8 bytes per number twice",
      orama: "its documents are JavaScript arrays: 8 bytes per number twice",
      pglite: "the table exceeds its memory of a page",
    },
  },
  { name: "random-100k", mode: "keywords", what: "titles" },
];
/** A million vectors: codes in memory, rows outside. */
export const LARGE = { name: "random-1m", dimension: 768, queries: 30 };
export const COUNT = 10;
const FIRST_ROUNDS = 5;
/** The place of a query with words of titles: examples/shop makes them in turns with others. */
const WORDS = 4;
const folderOf = (name) => path.join(WORK, "search", name);
const queryOf = (name) => parsed(name, "queries.json")[WORDS];
const parsed = (name, file) => JSON.parse(readFileSync(path.join(folderOf(name), file), "utf8"));

/**
 * Measures the sizes in `sizes`. With `own`, corom alone. Returns `{ measured, left, first, hybrid, large }`: the results
 * per size, the systems that did not run with the reason, and the parts that corom has alone.
 */
export async function measureSearch(host, { searchRounds: rounds, sizes, own, say }) {
  const [measured, left] = [[], {}];
  for (const size of SIZES.filter(({ name }) => sizes.includes(name))) {
    const results = {};
    const built = parsed(size.name, "built.json")[size.mode];
    for (const [name, system] of Object.entries(SEARCH_SYSTEMS)) {
      const { label, keywords, onlyKeywords, hosts } = system;
      if (size.mode === "keywords" ? !(keywords || onlyKeywords) : onlyKeywords) continue;
      if (name !== "corom" && (own || size.isOwn)) continue;
      const why = size.left?.[name] ?? (hosts && !hosts.includes(host.name) ? `runs in ${hosts}` : undefined);
      if (why) {
        left[`${label}, ${size.name}`] = why;
        continue;
      }
      say(`${size.name}, ${size.mode}: ${label}`);
      const plan = { count: COUNT, ends: SHARES, rounds, mode: size.mode };
      const result = await inAgent(host, size.name, "searchSystem", (data) => [name, { data, ...plan }]);
      if (result.error) left[`${label}, ${size.name}, ${size.mode}`] = result.error;
      else results[name] = result.value;
    }
    measured.push({ ...size, items: built.items, results, built });
  }
  const parts = { measured, left };
  const take = async (part, label, work) => {
    say(label);
    const { value, error } = await work();
    if (error) left[label] = error;
    else parts[part] = value;
  };
  if (sizes.includes("random-100k")) {
    await take("first", "first keyword hit from memory", () =>
      inAgent(host, "random-100k", "firstKeyword", (data) => [{ data, query: queryOf("random-100k"), rounds: FIRST_ROUNDS }]),
    );
  }
  if (sizes.includes("real-10k") && host.sent) await take("hybrid", "first hybrid hit", () => measureHybrid(host));
  if (sizes.includes(LARGE.name)) await take("large", LARGE.name, () => measureLarge(host));
  return parts;
}

/** Calls a function of the agent in a new page or process. Returns `{ value }`, or `{ error }` as a line of text. */
async function inAgent(host, name, method, listOf, options) {
  const agent = await host.agent(options);
  try {
    const { data, ...place } = host.searchPlace(name);
    return { value: await agent.call(method, place, ...listOf(data)) };
  } catch (error) {
    return { error: String(error.message).split("\n")[0] };
  } finally {
    await agent.close();
  }
}

/** Counts the bytes that a page gets until its first hybrid hit among 10,000 products. */
async function measureHybrid(host) {
  const query = queryOf("real-10k");
  host.sent();
  const plan = { catalog: "/search/real-10k/catalog/", model: "/search-model/", query };
  const { value, error } = await inAgent(host, "real-10k", "firstHybrid", () => [plan]);
  return error ? { error } : { value: { ...value, sent: host.sent() } };
}

/** Measures a million vectors. The vectors themselves are too many for a page, so what is found is judged here. */
async function measureLarge(host) {
  const { name, dimension, queries } = LARGE;
  const listOf = (data) => [{ data, count: COUNT, dimension, queries }];
  const { value, error } = await inAgent(host, name, "largeCatalog", listOf, { onDisk: true });
  if (error) return { error };
  value.bytes = parsed(name, "built.json").vector.bytes;
  const due = parsed(name, "nearest.json");
  const file = openSync(path.join(folderOf(name), "vectors.f32"));
  const all = new Float32Array(readFileSync(path.join(folderOf(name), "queries.f32")).buffer.slice(0));
  for (const way of Object.values(value.found)) {
    const shares = way.ids.map((ids, i) => {
      const at = way.first + i;
      const query = all.subarray(at * dimension, (at + 1) * dimension);
      const good = new Set(ids.filter((id) => productAt(file, id, query) >= due[at].at(-1) - FLOAT_TIE));
      return good.size / due[at].length;
    });
    way.recall = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    delete way.ids;
  }
  closeSync(file);
  return { value };
}

/** Returns the product of a query with a vector of a file of floats. */
function productAt(file, item, query) {
  const vector = new Float32Array(query.length);
  readSync(file, new Uint8Array(vector.buffer), 0, vector.byteLength, item * vector.byteLength);
  return vector.reduce((sum, x, i) => sum + x * query[i], 0);
}
