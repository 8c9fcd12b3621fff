// Searches in a catalog whose rows are not all in memory: how often rows are read, and when rows of earlier searches go.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { PKG } from "./support/paths.mjs";

const { MissingRows } = await import(pathToFileURL(path.join(PKG, "lib/search/missing-rows.js")));
const MIB = 1 << 20;

/** Runs a search whose runs want rows of these sizes, of which `kept` bytes are there. Returns what happened. */
async function searched(sizes, { kept = 0, missing = new MissingRows((warning) => warn(warning)) } = {}) {
  const events = [];
  warn = ({ code, message }) => events.push(`${code} ${message}`);
  const rows = {
    read: async (places, { take }) => {
      for (const [offset, length] of places) take(offset, length);
    },
  };
  const run = () => {
    const size = sizes.shift();
    return { catalog: "catalog", rows, result: { hits: [], ...(size > 0 && { missingRows: [[100, size]] }) } };
  };
  const makeRoom = (_, bytes) => (events.push(`room ${bytes}`), kept);
  const add = (_, offset, bytes) => events.push(`add ${offset} ${bytes}`);
  const result = await missing.search(run, { makeRoom, add });
  return { result, events };
}
let warn;

test("a search keeps the rows that it has read until it is done", async () => {
  const { result, events } = await searched([40 * MIB, 20 * MIB, 0]);
  assert.deepEqual(result, { hits: [] });
  assert.deepEqual(events, [`room ${40 * MIB}`, `add 100 ${40 * MIB}`, `add 100 ${20 * MIB}`]);
});

test("a search that wants more rows in all than it may read stops with estimates", async () => {
  const { result, events } = await searched([40 * MIB, 30 * MIB, 0]);
  assert.deepEqual(result, { hits: [], estimated: true });
  assert.equal(events.length, 3);
  assert.match(events[2], /^ROWS_UNAVAILABLE this search wants 70 MiB of rows, more than 64/);
});

test("a search that wants more rows than a search may read reads none", async () => {
  const { result, events } = await searched([65 * MIB, 0]);
  assert.deepEqual(result, { hits: [], estimated: true });
  assert.equal(events.length, 1);
  assert.match(events[0], /^ROWS_UNAVAILABLE this search wants 65 MiB of rows, more than 64; [^]*loadRows; scores are estimates$/);
});

test("rows that a page before has read count among those that a search wants", async () => {
  const { result, events } = await searched([2 * MIB, 0], { kept: 62 * MIB });
  assert.deepEqual([result, events.length], [{ hits: [] }, 2]);
  const more = await searched([2 * MIB + 1, 0], { kept: 62 * MIB });
  assert.deepEqual(more.result, { hits: [], estimated: true });
  assert.match(more.events[1], /^ROWS_UNAVAILABLE this search wants 65 MiB of rows, more than 64/);
});

test("a search whose runs want other rows again and again goes on, and says so when it stops", async () => {
  const { result, events } = await searched(Array(32).fill(1000).concat(0));
  assert.deepEqual([result, events.length], [{ hits: [] }, 33]);
  const endless = await searched(Array(99).fill(1000));
  assert.deepEqual(endless.result, { hits: [], estimated: true });
  assert.equal(endless.events.length, 34);
  assert.match(endless.events.at(-1), /^ROWS_UNAVAILABLE this search has wanted other rows 32 times; [^]*; scores are estimates$/);
});

test("a warning comes once, and again after a search that has read its rows", async () => {
  const missing = new MissingRows((warning) => warn(warning));
  const warnings = async (sizes) => (await searched(sizes, { missing })).events.filter((event) => event.startsWith("ROWS_UNAVAILABLE")).length;
  const counts = [];
  for (const sizes of [[65 * MIB], [40 * MIB, 30 * MIB], [0], [9, 0], [65 * MIB]]) counts.push(await warnings(sizes));
  assert.deepEqual(counts, [1, 0, 0, 0, 1]);
});
