// Formats the results of the search part, and judges them.
import { ALL, SHARES } from "../agent/search/shares.mjs";
import { median, minimum } from "../statistics.mjs";
import { megabytes, mib, short, table } from "../table.mjs";
import { COUNT, SEARCH_SYSTEMS } from "./measure.mjs";

const MIB = 2 ** 20;
const NOT_RUN = "not measured in this run";
export const p95 = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length * 0.95)];
const percent = (share) => `${share / 10} %`;

/** Formats the results as tables. */
export function searchTables({ measured, left, first, hybrid, large }) {
  const tables = measured.map(({ name, mode, what, items, results, built }) => {
    const rows = Object.entries(results).map(([system, { openMs, firstMs, memory, size, found, extra }]) => {
      const times = (end) => (found[end] ? `${short(median(found[end].ms))} (${short(p95(found[end].ms))})` : "–");
      const recall = (end) => (found[end]?.recall === undefined ? "" : ` ${found[end].recall.toFixed(3)}`);
      const native = system === "corom" ? `${short(built.seconds * 1000)} + ` : "";
      const build = `${native}${short(openMs)}`;
      const bytes = size ? short(size / items) : short((memory.wasm + memory.heap) / items);
      const more = extra.exact && mode === "vector" ? ` exact ${short(median(extra.exact))}` : "";
      const cells = SHARES.map((end) => times(end) + recall(end) + (end === ALL ? more : ""));
      return [SEARCH_SYSTEMS[system].label, build, bytes, short(firstMs), ...cells];
    });
    const heading = ["", "build, ms", "bytes/item", "first, ms", "no filter", ...SHARES.slice(1).map(percent)];
    const unit = `ms median (p95)${mode === "vector" ? ", recall" : ""}`;
    return `${name}, ${mode}: ${items} items, ${what}; top ${COUNT}: ${unit}\n${table([heading, ...rows])}`;
  });
  if (first) {
    const [opened, hit] = [first.openMs, first.ms].map((list) => short(median(list)));
    tables.push(`100,000 items from memory, hashed before: opened after ${opened} ms, first keyword hit after ${hit} ms`);
  }
  if (hybrid) tables.push(hybridLine(hybrid));
  if (large) tables.push(largeTable(large));
  const others = Object.entries(left).map(([name, why]) => `left out: ${name}: ${why}`);
  return [...tables, "corom's build is that of the native builder, then the load", ...others].join("\n\n");
}

/** Returns the bytes of everything but the model: code with gzip, the catalog as it is. */
const withoutModel = ({ scriptGzip, wasmGzip, catalog }) => scriptGzip + wasmGzip + catalog;

function hybridLine({ ms, sent }) {
  const parts = { scripts: sent.scriptGzip, binaries: sent.wasmGzip, catalog: sent.catalog, model: sent.model };
  const sizes = Object.entries(parts).map(([name, bytes]) => `${name} ${megabytes(bytes)} MB`);
  return `first hybrid hit of 10,000 products after ${short(ms)} ms: ${sizes.join(", ")}; code with gzip`;
}

function largeTable({ items, oversampling, bytes, openMs, storeMs, loaded, searched, found }) {
  const rows = Object.entries(found).map(([way, { ms, recall, estimated }]) => {
    const name = way === "rows" ? `codes, and ${oversampling} rows per hit` : "codes alone";
    return [name, `${short(median(ms))} (${short(p95(ms))})`, recall.toFixed(3), estimated];
  });
  const memory = ({ wasm, heap }) => `${mib(wasm)} MiB WebAssembly + ${mib(heap)} MiB JavaScript of the page`;
  const stored = storeMs === undefined ? "read from a folder" : `stored in OPFS in ${short(storeMs)} ms more`;
  const size = `${items} items without texts, ${short(bytes / items)} bytes per item`;
  return `random-1m: ${size}, random vectors of 768 numbers; loaded in ${short(openMs)} ms, rows ${stored}
memory after the load ${memory(loaded)}, after the searches ${memory(searched)}
${table([["", "ms median (p95)", "recall", "estimated"], ...rows])}`;
}

const PROBES = {
  bar: "search: probes",
  limit: "≥ 98 %",
  note: "./build.sh test checks that all pass, with the same hits in every engine",
};

/** Returns the line of a bar: a value that must be at most `limit`. Without a value it was not measured. */
function line(bar, limit, unit, value, note) {
  const name = `search: ${bar}, ${unit}`;
  if (value === undefined || Number.isNaN(value)) return { bar: name, limit: `≤ ${limit}`, note: NOT_RUN };
  return { bar: name, limit: `≤ ${limit}`, value, met: value <= limit, note };
}
const least = (list) => `minimum ${short(minimum(list))}`;

/** Returns the lines of bars; see ../bars.mjs. */
export function searchBars({ measured = [], first, hybrid, large } = {}) {
  const of = (name, mode) => measured.find((size) => size.name === name && size.mode === mode);
  const vectors = Object.fromEntries(
    ["random-10k", "random-100k", "real-10k", "real-100k"].map((name) => [name, of(name, "vector")]),
  );
  return [
    ...exactBars(vectors["random-10k"]?.results.corom, vectors["random-100k"]?.results.corom),
    ...codedBars("100,000 × 768 random", vectors["random-100k"]),
    ...codedBars("100,000 × 512 real", vectors["real-100k"]),
    ...largeBars(large),
    ...keywordBars(of("random-100k", "keywords")?.results.corom),
    filterBar(vectors),
    firstBar(first),
    bytesBar(hybrid?.sent),
    PROBES,
  ];
}

function exactBars(small, large) {
  const { exact = [], read = [] } = large?.extra ?? {};
  const minima = minimum(exact) / minimum(read);
  const note = `${short(median(exact))} to ${short(median(read))} ms, minima ${minima.toFixed(2)}`;
  return [
    line("10,000 × 768 exact, top 10", 1, "ms", small && median(small.extra.exact), small && least(small.extra.exact)),
    line("100,000 × 768 exact, top 10", 1.3, "× one read of the rows", median(exact) / median(read), note),
  ];
}

function codedBars(bar, size) {
  const coded = size?.results.corom?.found[ALL];
  const few = size && size.items < 100_000 ? `only ${size.items} items` : "";
  const fastest = coded && [least(coded.ms), few].filter(Boolean).join("; ");
  return [
    line(`${bar}, coded, top 10`, 2.5, "ms", coded && median(coded.ms), fastest),
    line(`${bar}, coded`, 0.01, "recall missed", coded && 1 - coded.recall, few),
  ];
}

function largeBars(large) {
  const { codes, rows } = large?.found ?? {};
  const bytes = ({ wasm, heap }) => wasm + heap;
  const bar = "1,000,000 × 768 random";
  return [
    line(`${bar}, coded and scored from rows, top 10`, 25, "ms", rows && median(rows.ms), codes && `codes alone ${short(median(codes.ms))}`),
    line(`${bar}, resident`, 130, "MiB", large && bytes(large.searched) / MIB, large && `after the load ${mib(bytes(large.loaded))}`),
    line(`${bar}, coded and scored from rows`, 0.02, "recall missed", rows && 1 - rows.recall, codes && `codes alone ${(1 - codes.recall).toFixed(2)}`),
  ];
}

function keywordBars(words) {
  const ms = words?.found[ALL].ms ?? [];
  return [
    line("keywords over 100,000 titles", 3, "ms p95", p95(ms), `median ${short(median(ms))}`),
    line("facets and a filter on top", 1, "ms more", words && median(words.extra.faceted) - median(ms)),
    line("100,000 items from memory to the first keyword hit, with hashes", 300, "ms", words && words.openMs + words.firstMs),
  ];
}

/** Judges the case that loses most: one size and one share. */
function filterBar(vectors) {
  const cases = Object.entries(vectors).flatMap(([name, size]) => {
    const shares = Object.entries(size?.results.corom?.extra.int8 ?? {});
    return shares.map(([share, recall]) => ({ at: `${name}, ${percent(share)}`, missed: 1 - recall }));
  });
  const worst = cases.sort((a, b) => b.missed - a.missed)[0];
  const where = worst?.missed > 0 ? `; at most in ${worst.at}` : "";
  return line("filters of 0.1 to 50 % against exact int8", 0, "recall missed", worst?.missed, `${cases.length} cases${where}`);
}

function firstBar(first) {
  const bar = "100,000 items from memory to the first keyword hit";
  return line(bar, 50, "ms", first && median(first.ms), first && `opened after ${short(median(first.openMs))}`);
}

function bytesBar(sent) {
  const bar = "10,000 products: bytes until the first hybrid hit, without the model";
  const note = sent && `scripts ${megabytes(sent.scriptGzip)}, binaries ${megabytes(sent.wasmGzip)}, catalog ${megabytes(sent.catalog)}`;
  return line(bar, 2.5, "MB", sent && withoutModel(sent) / 1e6, note);
}
