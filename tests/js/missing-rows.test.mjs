// Searches in a catalog whose rows are not all in memory: how often rows are read, and when rows of earlier searches go.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { PKG } from "./support/paths.mjs";

const { MissingRows } = await import(pathToFileURL(path.join(PKG, "lib/search/missing-rows.js")));
const MIB = 1 << 20;

/** Runs a search whose runs want rows of these sizes. Returns what happened. */
async function searched(sizes) {
  const events = [];
  const missing = new MissingRows(({ code, message }) => events.push(`${code} ${message}`));
  const rows = {
    read: async (places, { take }) => {
      for (const [offset, length] of places) take(offset, length);
    },
  };
  const run = () => {
    const size = sizes.shift();
    return { catalog: "catalog", rows, result: { hits: [], ...(size > 0 && { missingRows: [[100, size]] }) } };
  };
  const makeRoom = (_, bytes) => events.push(`room ${bytes}`);
  const add = (_, offset, bytes) => events.push(`add ${offset} ${bytes}`);
  const result = await missing.search(run, { makeRoom, add });
  return { result, events };
}

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
