// The published probes of keyword search in Node: the hits and scores of the native library.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Catalog } from "corom/search";
import { hitLines } from "./support/search-probes.mjs";
import { GOLDEN_HITS, PROBES, probeCatalog } from "./support/search-probes-node.mjs";

test("every probe gives the golden hits in Node", async (t) => {
  assert.ok(GOLDEN_HITS.length >= 200);
  assert.deepEqual(await hitLines(Catalog, probeCatalog(t), PROBES), GOLDEN_HITS);
});
