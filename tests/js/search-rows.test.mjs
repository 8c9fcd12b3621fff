// Rows that searches in a catalog with `vectors: "codes"` have read: which ones stay in memory, and what is read again.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { keptBytes, limitRows, takeCalls } from "./support/watched-search.mjs";
import { random } from "./support/corom.mjs";
import { serveWideCatalog } from "./support/served-catalog.mjs";

const { Catalog } = await import("corom/search");
const ROW_BYTES = 12 + 768;
const next = random(41);
const vectorOf = () => Float32Array.from({ length: 768 }, () => next() - 0.5);
let served;
let server;
let name;
let whole;
before(async () => {
  served = await serveWideCatalog();
  ({ server, name } = served);
  whole = await Catalog.load(served.folder);
});
after(async () => {
  whole.free();
  await served.end();
});

async function loadCodes() {
  const shop = await Catalog.load(server.address, { vectors: "codes" });
  await shop.ready;
  server.take();
  takeCalls();
  return shop;
}
const ranges = () => server.take().map(({ range }) => range).sort(); // requests run in parallel
const scoresOf = ({ hits }) => hits.map(({ id, scores }) => [id, scores.semantic]);
/** Searches, and returns the ranges of bytes that the server was asked for. */
async function asked(shop, vector, options) {
  const result = await shop.search(vector, options);
  assert.equal(result.estimated, undefined);
  assert.deepEqual(scoresOf(result), scoresOf(await whole.search(vector, options)));
  return ranges();
}

test("a search makes room for the rows that it wants, once, before they are added", async () => {
  const shop = await loadCodes();
  for (let i = 0; i < 3; i++) {
    await asked(shop, vectorOf());
    const calls = takeCalls();
    const made = calls.filter(([call]) => call === "catalog_makeRoom");
    assert.equal(made.length, 1);
    assert.ok(made[0][1][1] >= ROW_BYTES, "the bytes that it wants");
    const names = calls.map(([call]) => call);
    assert.ok(names.indexOf("catalog_makeRoom") < names.indexOf("catalog_addRows"));
  }
  shop.free();
});

test("rows of other searches are dropped when there are too many", async () => {
  const unlimited = await loadCodes();
  const vectors = Array.from({ length: 3 }, vectorOf);
  for (const vector of vectors) await asked(unlimited, vector, { topK: 1 });
  assert.deepEqual(await asked(unlimited, vectors[0], { topK: 1 }), []);
  unlimited.free();
  const restore = limitRows(0);
  const shop = await loadCodes();
  for (const vector of vectors) await asked(shop, vector, { topK: 1 });
  assert.notDeepEqual(await asked(shop, vectors[0], { topK: 1 }), []);
  restore();
  shop.free();
});

test("a page reads no rows that an earlier page has read, however few are kept for other searches", async () => {
  const vector = vectorOf();
  const pages = async () => {
    const shop = await loadCodes();
    const read = [];
    for (let offset = 0; offset < 10; offset += 2) {
      const { hits, estimated } = await shop.search(vector, { topK: 2, offset });
      read.push({ ids: hits.map(({ id }) => id), estimated, ranges: ranges() });
    }
    const added = takeCalls().filter(([call]) => call === "catalog_addRows");
    shop.free();
    return { read, rows: added.reduce((sum, [, [, , , length]]) => sum + length / ROW_BYTES, 0) };
  };
  const unlimited = await pages();
  const restore = limitRows(100 * ROW_BYTES);
  assert.deepEqual(await pages(), unlimited);
  restore();
  assert.ok(unlimited.read.every(({ ids, estimated }) => ids.length === 2 && !estimated));
  assert.ok(unlimited.rows > 200 && unlimited.rows <= 2500, `${unlimited.rows} rows`);
});

test("loadRows frees the rows that searches have read, and rows that arrive later are not kept beside it", async () => {
  const shop = await loadCodes();
  await asked(shop, vectorOf(), { topK: 4 });
  assert.ok(keptBytes() >= 4 * ROW_BYTES);
  // The rows of a search arrive after all rows.
  server.fault = ({ range }) => (/^bytes=\d+-\d+$/.test(range ?? "") ? { slow: 60 } : undefined);
  let isDone = false;
  const vector = vectorOf();
  const searching = asked(shop, vector, { topK: 4 }).finally(() => (isDone = true));
  await shop.loadRows();
  assert.deepEqual([isDone, keptBytes()], [false, 0]);
  await searching;
  assert.deepEqual([keptBytes(), shop.info.hasRows], [0, true]);
  server.fault = undefined;
  shop.free();
});
